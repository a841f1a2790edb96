#pragma once
/// Result<T>: a value or an Error. PHX_TRY / PHX_CO_TRY unwrap one or return its error:
///
///     PHX_TRY(auto port, parse_port(text));              // in a function returning Result<U>
///     PHX_CO_TRY(auto rows, co_await db.read(request));  // in a coroutine returning awaitable<Result<U>>
///     PHX_CO_CHECK(co_await tx.commit());                // when there is no value to keep

#include <expected>
#include <utility>

#include "base/error.hpp"

namespace phx {

template <class T>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using Base = std::expected<T, Error>;
  using Base::Base;
  Result(Error error) : Base(std::unexpect, std::move(error)) {}  // NOLINT(google-explicit-constructor)
  Result(Base base) : Base(std::move(base)) {}                    // NOLINT(google-explicit-constructor)
};

using Status = Result<void>;

}  // namespace phx

#define PHX_CONCAT_INNER_(a, b) a##b
#define PHX_CONCAT_(a, b) PHX_CONCAT_INNER_(a, b)
#define PHX_TRY_IMPL_(tmp, decl, expr, ret) \
  auto tmp = (expr);                        \
  if (!tmp) ret std::move(tmp).error();     \
  decl = std::move(*tmp)

#define PHX_TRY(decl, expr) PHX_TRY_IMPL_(PHX_CONCAT_(phx_try_, __LINE__), decl, expr, return)
#define PHX_CO_TRY(decl, expr) PHX_TRY_IMPL_(PHX_CONCAT_(phx_try_, __LINE__), decl, expr, co_return)
#define PHX_CHECK(expr)                                                              \
  do {                                                                               \
    if (auto phx_status = (expr); !phx_status) return std::move(phx_status).error(); \
  } while (false)
#define PHX_CO_CHECK(expr)                                                              \
  do {                                                                                  \
    if (auto phx_status = (expr); !phx_status) co_return std::move(phx_status).error(); \
  } while (false)
