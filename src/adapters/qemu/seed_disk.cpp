#include "adapters/qemu/seed_disk.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace phx::qemu {
namespace {

constexpr std::size_t kSector = 2048;
// Sectors: 16 to 18 descriptors, 19 to 22 path tables, 23 and 24 the root folder in both trees, then the files.
constexpr std::uint32_t kPrimaryPaths = 19;
constexpr std::uint32_t kJolietPaths = 21;
constexpr std::uint32_t kPrimaryRoot = 23;
constexpr std::uint32_t kJolietRoot = 24;
constexpr std::uint32_t kFirstFile = 25;

std::string little(std::uint32_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i));
  return out;
}

std::string big(std::uint32_t value, int bytes) {
  auto out = little(value, bytes);
  std::ranges::reverse(out);
  return out;
}

std::string both(std::uint32_t value, int bytes) { return little(value, bytes) + big(value, bytes); }

std::string padded(std::string text, std::size_t size, char fill = '\0') {
  text.resize(size, fill);
  return text;
}

std::string ucs2(std::string_view text) {
  std::string out;
  for (const char c : text) {
    out += '\0';
    out += c;
  }
  return out;
}

std::string padded_ucs2(std::string_view text, std::size_t bytes) {
  auto out = ucs2(text);
  while (out.size() + 1 < bytes) out += ucs2(" ");
  return padded(out, bytes);
}

/// ECMA-119 9.1. The date is 1 January 2000: a seed disk depends on nothing but its content.
std::string folder_record(std::uint32_t sector, std::uint32_t size, bool folder, const std::string& name) {
  std::string out;
  out += '\0';  // extended attributes
  out += both(sector, 4) + both(size, 4);
  out += std::string("\x64\x01\x01\0\0\0\0", 7);
  out += folder ? '\x02' : '\0';
  out += std::string(2, '\0');
  out += both(1, 2);
  out += static_cast<char>(name.size());
  out += name;
  if (out.size() % 2 == 0) out += '\0';  // with the length byte the record is even
  return static_cast<char>(out.size() + 1) + out;
}

std::string path_table(std::uint32_t root, bool little_endian) {
  return std::string("\x01\0", 2) + (little_endian ? little(root, 4) + little(1, 2) : big(root, 4) + big(1, 2)) +
         std::string(2, '\0');
}

/// ECMA-119 8.4 and 8.5.
std::string descriptor(bool joliet, std::string_view label, std::uint32_t sectors) {
  const auto text = [&](std::string_view value, std::size_t size) {
    return joliet ? padded_ucs2(value, size) : padded(std::string(value), size, ' ');
  };
  const std::uint32_t paths = joliet ? kJolietPaths : kPrimaryPaths;
  std::string out;
  out += joliet ? '\x02' : '\x01';
  out += "CD001\x01";
  out += '\0';
  out += text("", 32) + text(label, 32) + std::string(8, '\0') + both(sectors, 4);
  out += padded(joliet ? "%/E" : "", 32);
  out += both(1, 2) + both(1, 2) + both(kSector, 2) + both(10, 4);
  out += little(paths, 4) + std::string(4, '\0') + big(paths + 1, 4) + std::string(4, '\0');
  out += folder_record(joliet ? kJolietRoot : kPrimaryRoot, kSector, true, std::string(1, '\0'));
  out += text("", 128) + text("", 128) + text("", 128) + text("", 128) + text("", 37) + text("", 37) + text("", 37);
  for (int date = 0; date < 4; ++date) out += std::string(16, '0') + '\0';
  out += '\x01';
  return padded(out, kSector);
}

std::string root_folder(bool joliet, const std::vector<IsoFile>& files, const std::vector<std::uint32_t>& sectors) {
  const std::uint32_t self = joliet ? kJolietRoot : kPrimaryRoot;
  std::string out = folder_record(self, kSector, true, std::string(1, '\0'));
  out += folder_record(self, kSector, true, "\x01");
  for (std::size_t i = 0; i < files.size(); ++i) {
    std::string name = files[i].name;
    if (!joliet) std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::toupper(c); });
    out += folder_record(sectors[i], static_cast<std::uint32_t>(files[i].content.size()), false,
                         joliet ? ucs2(name) : name + ";1");
  }
  return padded(out, kSector);
}

}  // namespace

std::string make_iso(std::string_view label, const std::vector<IsoFile>& files) {
  // Names in a folder are sorted (ECMA-119 9.3).
  auto sorted = files;
  std::ranges::sort(sorted, {}, &IsoFile::name);
  std::vector<std::uint32_t> sectors;
  std::uint32_t next = kFirstFile;
  std::string content;
  for (const auto& entry : sorted) {
    sectors.push_back(next);
    const auto used = (entry.content.size() + kSector - 1) / kSector;
    content += padded(entry.content, used * kSector);
    next += static_cast<std::uint32_t>(used);
  }
  std::string out(16 * kSector, '\0');
  out += descriptor(false, label, next) + descriptor(true, label, next) +
         padded(
             "\xff"
             "CD001\x01",
             kSector);
  out += padded(path_table(kPrimaryRoot, true), kSector) + padded(path_table(kPrimaryRoot, false), kSector);
  out += padded(path_table(kJolietRoot, true), kSector) + padded(path_table(kJolietRoot, false), kSector);
  return out + root_folder(false, sorted, sectors) + root_folder(true, sorted, sectors) + content;
}

std::vector<IsoFile> seed_files(const compute::GuestSpec& spec) {
  std::string keys;
  for (const auto& key : spec.ssh_keys) keys += fmt::format("  - \"{}\"\n", key);
  std::string meta = fmt::format("instance-id: {}\nlocal-hostname: {}\n", spec.id.to_string(), spec.name);
  if (!keys.empty()) meta += "public-keys:\n" + keys;
  std::string user = spec.user_data;
  if (user.empty()) user = "#cloud-config\n" + (keys.empty() ? std::string() : "ssh_authorized_keys:\n" + keys);
  return {{"meta-data", std::move(meta)}, {"user-data", std::move(user)}};
}

}  // namespace phx::qemu
