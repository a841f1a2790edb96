#pragma once
/// Serves a built web application from memory. Files are read once, at load(), with the `.br` and `.gz` variants lying
/// beside them; the request's path is only ever a key of that map, so it cannot leave the folder.
///
/// Rules: `/assets/…` (names carry a content hash) may be cached for a year, index.html is always asked for again, the
/// rest for an hour; strong ETags per encoding, 304 for If-None-Match; an unknown path without extension gets
/// index.html (the application routes it), with one gets 404; other methods than GET and HEAD get 405.

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "net/http.hpp"

namespace phx::net {

class StaticFiles {
 public:
  /// Reads the folder, blocking: for start-up. Regular files only, links are left out. Reason "static.unreadable".
  static Result<StaticFiles> load(const std::filesystem::path& folder);

  /// `route` labels the answers for metrics.
  Response serve(const Request& request, std::string_view route = "/*") const;
  bool contains(std::string_view path) const { return files_.contains(path); }
  std::size_t size() const { return files_.size(); }

 private:
  struct Variant {
    std::shared_ptr<const std::string> content;
    std::string etag;
  };
  struct File {
    Variant plain;
    Variant brotli;  // content null when there is none
    Variant gzip;
    std::string type;
  };
  std::map<std::string, File, std::less<>> files_;  // "/assets/app-1a2b.js"
};

/// By extension, with charset for text; "application/octet-stream" when unknown.
std::string_view content_type_of(std::string_view path);

}  // namespace phx::net
