#include "graphql/lexer.hpp"

#include <fmt/format.h>

#include <array>
#include <vector>

namespace phx::graphql {
namespace {

enum Class : std::uint8_t { kOther, kIgnored, kNameStart, kDigit, kPunctuator };

struct Tables {
  std::array<Class, 256> of{};
  std::array<bool, 256> name_continue{};
  std::array<TokenKind, 256> punctuator{};
};

constexpr Tables make_tables() {
  Tables t;
  for (int c : {' ', '\t', ',', '\n', '\r'}) t.of[static_cast<std::size_t>(c)] = kIgnored;
  for (int c = 'a'; c <= 'z'; ++c) {
    t.of[static_cast<std::size_t>(c)] = t.of[static_cast<std::size_t>(c - 32)] = kNameStart;
    t.name_continue[static_cast<std::size_t>(c)] = t.name_continue[static_cast<std::size_t>(c - 32)] = true;
  }
  t.of['_'] = kNameStart;
  t.name_continue['_'] = true;
  for (int c = '0'; c <= '9'; ++c) {
    t.of[static_cast<std::size_t>(c)] = kDigit;
    t.name_continue[static_cast<std::size_t>(c)] = true;
  }
  using enum TokenKind;
  constexpr std::pair<char, TokenKind> marks[] = {
      {'!', kBang}, {'$', kDollar},   {'&', kAmp},      {'(', kParenL}, {')', kParenR}, {':', kColon}, {'=', kEquals},
      {'@', kAt},   {'[', kBracketL}, {']', kBracketR}, {'{', kBraceL}, {'|', kPipe},   {'}', kBraceR}};
  for (auto [c, kind] : marks) {
    t.of[static_cast<unsigned char>(c)] = kPunctuator;
    t.punctuator[static_cast<unsigned char>(c)] = kind;
  }
  return t;
}
constexpr Tables kTables = make_tables();

Class class_of(char c) { return kTables.of[static_cast<unsigned char>(c)]; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_start(char c) { return class_of(c) == kNameStart; }
bool continues_name(char c) { return kTables.name_continue[static_cast<unsigned char>(c)]; }

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

char* put_utf8(char* out, std::uint32_t code) {
  auto put = [&](std::uint32_t byte) { *out++ = static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6);
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3F));
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  }
  return out;
}

}  // namespace

std::string describe(const Token& token) {
  switch (token.kind) {
    case TokenKind::kEnd: return "the end of the text";
    case TokenKind::kName: return fmt::format("the name \"{}\"", token.text.substr(0, 80));
    case TokenKind::kInt:
    case TokenKind::kFloat: return fmt::format("the number {}", token.text.substr(0, 80));
    case TokenKind::kString: return "a string";
    case TokenKind::kSpread: return "\"...\"";
    case TokenKind::kError: return "an error";
    default: break;
  }
  for (std::size_t c = 0; c < 128; ++c)
    if (kTables.of[c] == kPunctuator && kTables.punctuator[c] == token.kind)
      return fmt::format("\"{}\"", static_cast<char>(c));
  return {};
}

Token Lexer::fail(const char* at, std::string message) {
  error_message_ = std::move(message);
  error_offset_ = offset(at);
  next_ = end_;
  return {TokenKind::kError, error_offset_, error_offset_, {}};
}

Token Lexer::unexpected(const char* at, std::string_view hint) {
  if (at == end_) return fail(at, fmt::format("Unexpected end of the text{}.", hint));
  auto byte = static_cast<unsigned char>(*at);
  if (byte < 0x20 || byte >= 0x7F) return fail(at, fmt::format("Unexpected character{}.", hint));
  return fail(at, fmt::format("Unexpected character \"{}\"{}.", *at, hint));
}

Token Lexer::next() {
  const char* p = next_;
  for (;;) {
    switch (class_of(*p)) {
      case kIgnored: ++p; continue;
      case kNameStart: {
        const char* start = p;
        do ++p;
        while (continues_name(*p));
        next_ = p;
        return {TokenKind::kName, offset(start), offset(p), {start, static_cast<std::size_t>(p - start)}};
      }
      case kPunctuator:
        next_ = p + 1;
        return {kTables.punctuator[static_cast<unsigned char>(*p)], offset(p), offset(p + 1), {}};
      case kDigit: return number(p);
      case kOther: break;
    }
    switch (*p) {
      case '-': return number(p);
      case '"': return p[1] == '"' && p[2] == '"' ? block_string(p) : string(p);
      case '#':
        while (p != end_ && *p != '\n' && *p != '\r') ++p;
        continue;
      case '.':
        if (p[1] == '.' && p[2] == '.') {
          next_ = p + 3;
          return {TokenKind::kSpread, offset(p), offset(p + 3), {}};
        }
        return unexpected(p, is_digit(p[1]) ? ": a number needs a digit before its point" : "");
      case '\xEF':  // The byte order mark may stand between any two tokens.
        if (p[1] == '\xBB' && p[2] == '\xBF') {
          p += 3;
          continue;
        }
        return unexpected(p);
      case '\0':
        if (p == end_) {
          next_ = p;
          return {TokenKind::kEnd, offset(p), offset(p), {}};
        }
        return unexpected(p);
      default: return unexpected(p, *p == '\'' ? ": strings have double quotes" : "");
    }
  }
}

Token Lexer::number(const char* start) {
  const char* p = start;
  bool is_float = false;
  if (*p == '-') ++p;
  if (*p == '0') {
    ++p;
    if (is_digit(*p)) return unexpected(p, ": a number has no leading zero");
  } else {
    if (!is_digit(*p)) return unexpected(p, ": a digit was expected");
    while (is_digit(*p)) ++p;
  }
  if (*p == '.') {
    is_float = true;
    if (!is_digit(*++p)) return unexpected(p, ": a digit was expected");
    while (is_digit(*p)) ++p;
  }
  if (*p == 'e' || *p == 'E') {
    is_float = true;
    ++p;
    if (*p == '+' || *p == '-') ++p;
    if (!is_digit(*p)) return unexpected(p, ": a digit was expected");
    while (is_digit(*p)) ++p;
  }
  if (*p == '.' || is_name_start(*p)) return unexpected(p, " right after a number");
  next_ = p;
  return {is_float ? TokenKind::kFloat : TokenKind::kInt,
          offset(start),
          offset(p),
          {start, static_cast<std::size_t>(p - start)}};
}

Token Lexer::string(const char* start) {
  const char* p = start + 1;
  for (;; ++p) {
    switch (*p) {
      case '"':
        next_ = p + 1;
        return {TokenKind::kString, offset(start), offset(p + 1), {start + 1, static_cast<std::size_t>(p - start - 1)}};
      case '\\': return escaped_string(start, p);
      case '\n':
      case '\r': return fail(p, "Unterminated string.");
      case '\0':
        if (p == end_) return fail(p, "Unterminated string.");
        break;
      default: break;
    }
  }
}

bool Lexer::unicode_escape(const char*& at, std::uint32_t& code) const {
  const char* p = at + 2;
  code = 0;
  auto is_scalar = [](std::uint32_t c) { return c <= 0xD7FF || (c >= 0xE000 && c <= 0x10FFFF); };
  if (*p == '{') {
    ++p;
    const char* first = p;
    for (int digit; (digit = hex_digit(*p)) >= 0; ++p) {
      code = code << 4 | static_cast<std::uint32_t>(digit);
      if (code > 0x10FFFF) return false;
    }
    if (p == first || *p != '}' || !is_scalar(code)) return false;
    at = p + 1;
    return true;
  }
  auto four_digits = [](const char* from, std::uint32_t& unit) {
    unit = 0;
    for (int i = 0; i < 4; ++i) {
      int digit = hex_digit(from[i]);
      if (digit < 0) return false;
      unit = unit << 4 | static_cast<std::uint32_t>(digit);
    }
    return true;
  };
  if (!four_digits(p, code)) return false;
  p += 4;
  if (code >= 0xD800 && code <= 0xDBFF) {
    // A leading surrogate is fine only with its trailing one, written the same way.
    std::uint32_t low = 0;
    if (p[0] != '\\' || p[1] != 'u' || !four_digits(p + 2, low) || low < 0xDC00 || low > 0xDFFF) return false;
    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    p += 6;
  }
  if (!is_scalar(code)) return false;
  at = p;
  return true;
}

Token Lexer::escaped_string(const char* start, const char* first_escape) {
  // An escape is never shorter than what it stands for, so the raw length up to the closing quote is enough.
  const char* close = first_escape;
  while (close != end_ && *close != '"' && *close != '\n' && *close != '\r')
    close += *close == '\\' && close + 1 != end_ ? 2 : 1;
  char* out = static_cast<char*>(arena_.allocate(static_cast<std::size_t>(close - start)));
  char* const value = out;
  std::size_t plain = static_cast<std::size_t>(first_escape - start - 1);
  std::memcpy(out, start + 1, plain);
  out += plain;
  const char* p = first_escape;
  for (;;) {
    switch (*p) {
      case '"':
        next_ = p + 1;
        return {TokenKind::kString, offset(start), offset(p + 1), {value, static_cast<std::size_t>(out - value)}};
      case '\n':
      case '\r': return fail(p, "Unterminated string.");
      case '\0':
        if (p == end_) return fail(p, "Unterminated string.");
        *out++ = *p++;
        break;
      case '\\': {
        char c = 0;
        switch (p[1]) {
          case '"': c = '"'; break;
          case '\\': c = '\\'; break;
          case '/': c = '/'; break;
          case 'b': c = '\b'; break;
          case 'f': c = '\f'; break;
          case 'n': c = '\n'; break;
          case 'r': c = '\r'; break;
          case 't': c = '\t'; break;
          case 'u': {
            std::uint32_t code = 0;
            if (!unicode_escape(p, code)) return fail(p, "Invalid Unicode escape in a string.");
            out = put_utf8(out, code);
            continue;
          }
          default: return fail(p, "Invalid escape in a string.");
        }
        *out++ = c;
        p += 2;
        break;
      }
      default: *out++ = *p++;
    }
  }
}

Token Lexer::block_string(const char* start) {
  const char* p = start + 3;
  for (;;) {
    if (p == end_) return fail(p, "Unterminated block string.");
    if (*p == '"' && p[1] == '"' && p[2] == '"') break;
    p += *p == '\\' && p[1] == '"' && p[2] == '"' && p[3] == '"' ? 4 : 1;
  }
  next_ = p + 3;
  std::string_view raw(start + 3, static_cast<std::size_t>(p - start - 3));
  return {TokenKind::kString, offset(start), offset(p + 3), block_string_value(raw, arena_)};
}

std::string_view block_string_value(std::string_view raw, Arena& arena) {
  // Calls visit(line, index) for each line.
  auto each_line = [raw](auto visit) {
    std::size_t begin = 0;
    for (std::size_t index = 0;; ++index) {
      std::size_t end = raw.find_first_of("\r\n", begin);
      visit(raw.substr(begin, end == raw.npos ? raw.npos : end - begin), index);
      if (end == raw.npos) return;
      begin = end + (raw.substr(end, 2) == "\r\n" ? 2 : 1);
    }
  };
  constexpr std::size_t kNone = std::string_view::npos;
  std::size_t indent = kNone, first = kNone, last = 0;
  each_line([&](std::string_view line, std::size_t index) {
    std::size_t spaces = line.find_first_not_of(" \t");
    if (spaces == line.npos) return;
    if (first == kNone) first = index;
    last = index;
    if (index > 0 && spaces < indent) indent = spaces;
  });
  if (first == kNone) return {};
  char* out = static_cast<char*>(arena.allocate(raw.size() + 1));
  char* const value = out;
  each_line([&](std::string_view line, std::size_t index) {
    if (index < first || index > last) return;
    if (index > first) *out++ = '\n';
    if (index > 0 && indent != kNone) line.remove_prefix(std::min(indent, line.size()));
    while (!line.empty()) {
      std::size_t escape = line.find("\\\"\"\"");
      std::size_t plain = std::min(escape, line.size());
      std::memcpy(out, line.data(), plain);
      out += plain;
      line.remove_prefix(plain);
      if (escape == line.npos) break;
      std::memcpy(out, "\"\"\"", 3);
      out += 3;
      line.remove_prefix(4);
    }
  });
  return {value, static_cast<std::size_t>(out - value)};
}

std::size_t find_invalid_utf8(std::string_view text) {
  const char* p = text.data();
  const char* const end = p + text.size();
  auto tail = [&](std::ptrdiff_t i) { return p + i < end && (static_cast<unsigned char>(p[i]) & 0xC0) == 0x80; };
  while (p < end) {
    std::uint64_t eight = 0;
    while (end - p >= 8 && (std::memcpy(&eight, p, 8), (eight & 0x8080808080808080ULL) == 0)) p += 8;
    if (p == end) break;
    auto c = static_cast<unsigned char>(*p);
    std::ptrdiff_t length = 0;
    if (c < 0x80) {
      length = 1;
    } else if (c >= 0xC2 && c <= 0xDF && tail(1)) {
      length = 2;
    } else if (c >= 0xE0 && c <= 0xEF && tail(1) && tail(2)) {
      auto second = static_cast<unsigned char>(p[1]);
      bool overlong = c == 0xE0 && second < 0xA0;
      bool surrogate = c == 0xED && second > 0x9F;
      if (!overlong && !surrogate) length = 3;
    } else if (c >= 0xF0 && c <= 0xF4 && tail(1) && tail(2) && tail(3)) {
      auto second = static_cast<unsigned char>(p[1]);
      bool overlong = c == 0xF0 && second < 0x90;
      bool too_large = c == 0xF4 && second > 0x8F;
      if (!overlong && !too_large) length = 4;
    }
    if (length == 0) return static_cast<std::size_t>(p - text.data());
    p += length;
  }
  return std::string_view::npos;
}

}  // namespace phx::graphql
