#pragma once
/// Inside pg/ only: Params in the form libpq's functions take them.

#include <libpq-fe.h>

#include <vector>

#include "pg/params.hpp"

namespace phx::pg {

struct WireParams {
  std::vector<Oid> types;
  std::vector<const char*> values;
  std::vector<int> lengths;
  std::vector<int> formats;

  void assign(const Params& params) {
    types.clear();
    values.clear();
    lengths.clear();
    formats.clear();
    for (const auto& value : params.values()) {
      types.push_back(value.type);
      values.push_back(value.length < 0 ? nullptr : params.bytes(value).data());
      lengths.push_back(value.length);
      formats.push_back(value.binary ? 1 : 0);
    }
  }
  int size() const { return static_cast<int>(values.size()); }
};

}  // namespace phx::pg
