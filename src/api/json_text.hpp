#pragma once
/// JSON text in the making at the end of a std::string. Each piece asks once for room and is then written without
/// looking at the capacity again: appending to a std::string is a call that looks for every piece, and an answer has
/// thousands of them.
///
/// While it is used the string is longer than its text; trim() cuts it to what was written.

#include <cstring>
#include <string>
#include <string_view>

namespace phx::api {

class JsonText {
 public:
  explicit JsonText(std::string& out) : out_(out), size_(out.size()) {}

  std::size_t size() const { return size_; }
  /// Takes back what was written since the text had that size.
  void cut(std::size_t size) { size_ = size; }
  void trim() { out_.resize(size_); }

  JsonText& operator+=(char c) {
    *room(1) = c;
    ++size_;
    return *this;
  }
  JsonText& operator+=(std::string_view text) {
    if (text.empty()) return *this;
    std::memcpy(room(text.size()), text.data(), text.size());
    size_ += text.size();
    return *this;
  }
  /// A string in quotes, escaped as RFC 8259 section 7 needs it.
  void string(std::string_view text);
  /// The key of a member, with the comma before it unless it is the first; names need no escapes.
  void key(std::string_view name, bool first) {
    char* at = room(name.size() + 4);
    if (!first) *at++ = ',';
    *at++ = '"';
    std::memcpy(at, name.data(), name.size());
    at += name.size();
    *at++ = '"';
    *at++ = ':';
    wrote(at);
  }
  /// 16 bytes in quotes, 8-4-4-4-12.
  void uuid(std::string_view bytes);

 private:
  char* room(std::size_t bytes) {
    if (out_.size() - size_ < bytes) [[unlikely]]
      grow(bytes);
    return out_.data() + size_;
  }
  void wrote(const char* end) { size_ = static_cast<std::size_t>(end - out_.data()); }
  void grow(std::size_t bytes);

  std::string& out_;
  std::size_t size_;
};

}  // namespace phx::api
