#include "net/static_files.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <optional>
#include <sstream>
#include <utility>

#include "base/crypto.hpp"

namespace phx::net {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 24> kTypes{{
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".json", "application/json"},
    {".map", "application/json"},
    {".webmanifest", "application/manifest+json"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".jpg", "image/jpeg"},
    {".jpeg", "image/jpeg"},
    {".gif", "image/gif"},
    {".webp", "image/webp"},
    {".avif", "image/avif"},
    {".ico", "image/vnd.microsoft.icon"},
    {".woff2", "font/woff2"},
    {".woff", "font/woff"},
    {".ttf", "font/ttf"},
    {".wasm", "application/wasm"},
    {".txt", "text/plain; charset=utf-8"},
    {".md", "text/markdown; charset=utf-8"},
    {".xml", "application/xml"},
    {".pdf", "application/pdf"},
    {".csv", "text/csv; charset=utf-8"},
}};

constexpr std::string_view kIndex = "/index.html";

std::string_view extension_of(std::string_view path) {
  const auto name = path.substr(path.rfind('/') + 1);
  const auto dot = name.rfind('.');
  return dot == name.npos || dot == 0 ? std::string_view() : name.substr(dot);
}

/// "/.git/config", "/a/.env": never pages of an application, and what scanners look for. RFC 8615's well-known files
/// are the exception when they exist.
bool is_hidden(std::string_view path) { return path.find("/.") != path.npos; }

Result<std::string> read_whole(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  if (in.peek() != std::ifstream::traits_type::eof()) out << in.rdbuf();
  if (!in && !in.eof())
    return Error(Code::kFailedPrecondition, "static.unreadable", "A file of the web application cannot be read.")
        .with_internal(path.string());
  return std::move(out).str();
}

/// The client takes this coding: named, or covered by '*', and not with q=0 (RFC 9110 12.5.3).
bool accepts(const Headers& headers, std::string_view coding) {
  std::optional<bool> named;
  bool any = false;
  for (auto list : headers.all("Accept-Encoding")) {
    while (!list.empty()) {
      auto item = list.substr(0, list.find(','));
      list.remove_prefix(std::min(list.size(), item.size() + 1));
      const auto strip = [](std::string_view text) {
        const auto first = text.find_first_not_of(" \t");
        if (first == text.npos) return std::string_view();
        return text.substr(first, text.find_last_not_of(" \t") - first + 1);
      };
      const auto semicolon = item.find(';');
      const auto name = strip(item.substr(0, semicolon));
      bool wanted = true;
      if (semicolon != item.npos) {
        const auto weight = strip(item.substr(semicolon + 1));
        // Zero in any spelling: "q=0", "q=0.", "q=0.000".
        if (weight.size() > 2 && iequals(weight.substr(0, 2), "q="))
          wanted = weight.find_first_not_of("0.", 2) != weight.npos;
      }
      if (iequals(name, coding)) named = wanted;
      if (name == "*") any = wanted;
    }
  }
  return named.value_or(any);
}

/// If-None-Match compares weakly (RFC 9110 13.1.2).
bool matches(const Headers& headers, std::string_view etag) {
  for (auto list : headers.all("If-None-Match")) {
    if (list == "*") return true;
    while (!list.empty()) {
      auto item = list.substr(0, list.find(','));
      list.remove_prefix(std::min(list.size(), item.size() + 1));
      while (!item.empty() && item.front() == ' ') item.remove_prefix(1);
      while (!item.empty() && item.back() == ' ') item.remove_suffix(1);
      if (item.starts_with("W/")) item.remove_prefix(2);
      if (item == etag) return true;
    }
  }
  return false;
}

}  // namespace

std::string_view content_type_of(std::string_view path) {
  const auto extension = extension_of(path);
  for (const auto& [known, type] : kTypes)
    if (iequals(extension, known)) return type;
  return "application/octet-stream";
}

Result<StaticFiles> StaticFiles::load(const std::filesystem::path& folder) {
  namespace fs = std::filesystem;
  StaticFiles site;
  std::error_code failed;
  std::map<std::string, fs::path> found;
  for (auto at = fs::recursive_directory_iterator(folder, failed); !failed && at != fs::end(at); at.increment(failed)) {
    if (at->symlink_status().type() != fs::file_type::regular) continue;
    auto key = "/" + fs::relative(at->path(), folder).generic_string();
    if (is_hidden(key) && (!key.starts_with("/.well-known/") || is_hidden(std::string_view(key).substr(1)))) continue;
    found.emplace(std::move(key), at->path());
  }
  if (failed)
    return Error(Code::kFailedPrecondition, "static.unreadable", "The web application's folder cannot be read.")
        .with_internal(folder.string() + ": " + failed.message());

  for (const auto& [key, path] : found) {
    std::string owner = key;
    Variant File::* slot = &File::plain;
    for (const auto& [suffix, member] : {std::pair{".br", &File::brotli}, std::pair{".gz", &File::gzip}}) {
      if (!key.ends_with(suffix)) continue;
      const auto base = key.substr(0, key.size() - 3);
      if (!found.contains(base)) continue;
      owner = base;
      slot = member;
    }
    PHX_TRY(auto content, read_whole(path));
    Variant variant;
    variant.etag = "\"" + base64url_encode(sha256(content).substr(0, 16)) + "\"";
    variant.content = std::make_shared<const std::string>(std::move(content));
    auto& file = site.files_[owner];
    file.*slot = std::move(variant);
    file.type = content_type_of(owner);
  }
  return site;
}

Response StaticFiles::serve(const Request& request, std::string_view route) const {
  const auto finish = [route](Response response) {
    response.route = route;
    return response;
  };
  if (!request.is_get_or_head()) {
    auto response = error_response(
        Error(Code::kInvalidArgument, "http.method_not_allowed", "Only GET and HEAD are answered here."), 405);
    response.headers.add("Allow", "GET, HEAD");
    return finish(std::move(response));
  }
  auto at = files_.find(request.path);
  if (at == files_.end() && extension_of(request.path).empty() && !is_hidden(request.path)) at = files_.find(kIndex);
  if (at == files_.end()) return finish(error_response(not_found("http.no_such_file", "There is no such file.")));

  const File& file = at->second;
  const Variant* chosen = &file.plain;
  std::string_view coding;
  if (file.brotli.content && accepts(request.headers, "br")) {
    chosen = &file.brotli;
    coding = "br";
  } else if (file.gzip.content && accepts(request.headers, "gzip")) {
    chosen = &file.gzip;
    coding = "gzip";
  }

  Response response;
  response.headers.add("ETag", chosen->etag);
  if (file.brotli.content || file.gzip.content) response.headers.add("Vary", "Accept-Encoding");
  std::string_view caching = "public, max-age=3600";
  if (at->first == kIndex) caching = "no-cache";
  if (at->first.starts_with("/assets/")) caching = "public, max-age=31536000, immutable";
  response.headers.add("Cache-Control", caching);
  if (matches(request.headers, chosen->etag)) {
    response.status = 304;
    return finish(std::move(response));
  }
  response.headers.add("Content-Type", file.type);
  if (!coding.empty()) response.headers.add("Content-Encoding", coding);
  response.body = chosen->content;
  return finish(std::move(response));
}

}  // namespace phx::net
