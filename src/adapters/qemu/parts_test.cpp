// The adapter's parts without a guest: arguments, seed disk, uid map, console ring, QMP framing, image imports.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/json/parse.hpp>
#include <fstream>

#include "adapters/qemu/async_mutex.hpp"
#include "adapters/qemu/command_line.hpp"
#include "adapters/qemu/console_log.hpp"
#include "adapters/qemu/console_ring.hpp"
#include "adapters/qemu/files.hpp"
#include "adapters/qemu/image_store.hpp"
#include "adapters/qemu/qmp_client.hpp"
#include "adapters/qemu/seed_disk.hpp"
#include "adapters/qemu/tenant_uids.hpp"
#include "adapters/qemu/test_host.hpp"

namespace phx::qemu {
namespace {

using namespace compute;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

class Parts : public testing::Test {
 protected:
  ~Parts() override { std::filesystem::remove_all(folder); }
  std::string folder = make_temp_folder();
};

Uuid uuid(int last) {
  Uuid out;
  out.bytes[6] = 0x70;
  out.bytes[15] = static_cast<std::uint8_t>(last);
  return out;
}

GuestSpec sample() {
  GuestSpec spec;
  spec.id = uuid(1);
  spec.tenant = uuid(2);
  spec.name = "web-1";
  return spec;
}

// --- specification and arguments ---

TEST(CheckSpec, NamesTheOffendingField) {
  EXPECT_TRUE(check_spec(sample()));
  const auto field = [](auto change) {
    auto spec = sample();
    change(spec);
    const auto checked = check_spec(spec);
    return checked ? std::string("accepted") : checked.error().field();
  };
  EXPECT_EQ(field([](auto& s) { s.name = "a,script=x"; }), "name");
  EXPECT_EQ(field([](auto& s) { s.name = "-a"; }), "name");
  EXPECT_EQ(field([](auto& s) { s.name = std::string(64, 'a'); }), "name");
  EXPECT_EQ(field([](auto& s) { s.vcpus = 0; }), "vcpus");
  EXPECT_EQ(field([](auto& s) { s.memory_mib = 63; }), "memoryMib");
  EXPECT_EQ(field([](auto& s) { s.disk_mib = 0; }), "diskMib");
  EXPECT_EQ(field([](auto& s) { s.image.virtual_bytes = s.disk_mib * 1024 * 1024 + 1; }), "diskMib");
  EXPECT_EQ(field([](auto& s) { s.ssh_keys = {"a\n  - evil"}; }), "sshKeys");
  EXPECT_EQ(field([](auto& s) { s.ssh_keys = {"a\"b"}; }), "sshKeys");
  EXPECT_EQ(field([](auto& s) { s.user_data = std::string(16 * 1024 + 1, 'a'); }), "userData");
  EXPECT_EQ(field([](auto& s) { s.port_forwards = {{0, 22, Protocol::kTcp}}; }), "portForwards");
  EXPECT_EQ(field([](auto& s) { s.port_forwards = {{2222, 65536, Protocol::kTcp}}; }), "portForwards");
}

TEST(QemuArguments, EmulatesByDefaultUnderTheSandboxWithStatedFormats) {
  auto spec = sample();
  spec.vcpus = 2;
  spec.memory_mib = 256;
  spec.port_forwards = {{2222, 22, Protocol::kTcp}, {5353, 53, Protocol::kUdp}};
  const auto args = qemu_arguments(spec, Options{}, false);
  EXPECT_THAT(args, Contains("tcg,tb-size=32"));
  EXPECT_THAT(args, Contains("q35"));
  EXPECT_THAT(args, Contains("256M"));
  EXPECT_THAT(args, Contains(spec.id.to_string()));
  EXPECT_THAT(args, Contains("on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"));
  EXPECT_THAT(args, Contains("user,id=net0,ipv6=off,hostfwd=tcp:127.0.0.1:2222-:22,hostfwd=udp:127.0.0.1:5353-:53"));
  EXPECT_THAT(args, Contains("kernel"));
  for (const auto& argument : args) {
    if (argument.starts_with("driver=")) {
      EXPECT_THAT(argument, testing::AnyOf(HasSubstr("driver=raw,"), HasSubstr("driver=qcow2,")));
    }
    EXPECT_THAT(argument, Not(HasSubstr("/tmp"))) << "paths are relative to the run folder";
  }
}

TEST(QemuArguments, DiskGuestsNameTheirBackingFileThemselves) {
  auto spec = sample();
  spec.image.format = ImageFormat::kRaw;
  const auto args = qemu_arguments(spec, Options{}, true);
  EXPECT_THAT(args, Contains("kvm"));
  EXPECT_THAT(args, Not(Contains("-kernel")));
  EXPECT_THAT(args, Contains("driver=raw,node-name=base,read-only=on,file.driver=file,file.filename=base"));
  EXPECT_THAT(args, Contains(HasSubstr("driver=qcow2,node-name=disk,discard=unmap,backing=base")));
}

TEST(LaunchPrefix, DropsEverythingAsRootAndUsesAScopeWhereAsked) {
  const auto plain = launch_prefix(uuid(1), false, 200007, std::nullopt);
  EXPECT_EQ(plain.front(), "/usr/bin/setpriv");
  EXPECT_THAT(plain, Contains("200007"));
  EXPECT_THAT(plain, Contains("--clear-groups"));
  EXPECT_THAT(plain, Contains("--bounding-set=-all"));
  EXPECT_THAT(plain, Contains("--no-new-privs"));
  const auto scoped = launch_prefix(uuid(1), true, 200007, 108);
  EXPECT_EQ(scoped.front(), "/usr/bin/systemd-run");
  EXPECT_THAT(scoped, Contains("phoenix-vm-" + uuid(1).to_string() + ".scope"));
  EXPECT_THAT(scoped, Contains("--groups"));
  const auto ours = launch_prefix(uuid(1), false, std::nullopt, std::nullopt);
  EXPECT_THAT(ours, Not(Contains("--reuid")));
}

// --- seed disk ---

TEST(SeedDisk, IsAVolumeNamedCidataWithBothFilesUnderJolietNames) {
  auto spec = sample();
  spec.ssh_keys = {"ssh-ed25519 AAAA me"};
  const auto files = seed_files(spec);
  const auto iso = make_iso("cidata", files);
  ASSERT_EQ(iso.size() % 2048, 0U);
  EXPECT_EQ(iso.substr(16 * 2048, 6),
            "\x01"
            "CD001");
  EXPECT_EQ(iso.substr(17 * 2048, 6),
            "\x02"
            "CD001");
  EXPECT_EQ(iso.substr(18 * 2048, 6),
            "\xff"
            "CD001");
  EXPECT_EQ(iso.substr(16 * 2048 + 40, 7), "cidata ");
  EXPECT_NE(iso.find(std::string("\0m\0e\0t\0a\0-\0d\0a\0t\0a", 18)), iso.npos);
  EXPECT_NE(iso.find("local-hostname: web-1\n"), iso.npos);
  EXPECT_NE(iso.find("public-keys:\n  - \"ssh-ed25519 AAAA me\"\n"), iso.npos);
  EXPECT_NE(iso.find("#cloud-config\nssh_authorized_keys:\n"), iso.npos);
  EXPECT_EQ(iso, make_iso("cidata", {files[1], files[0]})) << "the order given does not matter";
}

TEST(SeedDisk, HoldsTheGivenUserDataUnchanged) {
  auto spec = sample();
  spec.user_data = "#!/bin/sh\necho hi\n" + std::string(5000, 'x');
  const auto iso = make_iso("cidata", seed_files(spec));
  EXPECT_NE(iso.find(spec.user_data), iso.npos) << "also over a sector's border";
}

// --- uid map ---

TEST_F(Parts, EachTenantKeepsItsOwnUidOverARestart) {
  const auto path = folder + "/uids";
  TenantUids uids(path, 1000, 3);
  ASSERT_TRUE(uids.load());
  EXPECT_EQ(uids.uid_of(uuid(1)).value(), 1000U);
  EXPECT_EQ(uids.uid_of(uuid(2)).value(), 1001U);
  EXPECT_EQ(uids.uid_of(uuid(1)).value(), 1000U);
  TenantUids again(path, 1000, 3);
  ASSERT_TRUE(again.load());
  EXPECT_EQ(again.uid_of(uuid(2)).value(), 1001U);
  EXPECT_EQ(again.uid_of(uuid(3)).value(), 1002U);
  EXPECT_EQ(again.uid_of(uuid(4)).error().reason(), "hypervisor.uids_exhausted");
}

TEST_F(Parts, ATornLastLineOfTheUidMapIsDroppedAndOtherDamageIsRefused) {
  const auto path = folder + "/uids";
  std::ofstream(path) << uuid(1).to_string() << " 1000\n" << uuid(2).to_string() << " 10";
  TenantUids torn(path, 1000, 10);
  ASSERT_TRUE(torn.load());
  EXPECT_EQ(torn.uid_of(uuid(3)).value(), 1001U);
  TenantUids mended(path, 1000, 10);
  ASSERT_TRUE(mended.load());
  EXPECT_EQ(mended.uid_of(uuid(3)).value(), 1001U);

  std::ofstream(path) << uuid(1).to_string() << " 1000\n" << uuid(2).to_string() << " 1000\n";
  TenantUids shared(path, 1000, 10);
  EXPECT_EQ(shared.load().error().reason(), "hypervisor.uids_unreadable") << "one uid for two tenants";
}

// --- console ---

TEST(ConsoleRing, ASlowViewerLosesTheOldestBytesOnly) {
  asio::io_context io;
  ConsoleRing ring(io.get_executor(), 8);
  ring.append("abcd");
  std::uint64_t position = 0;
  EXPECT_EQ(ring.take(position, 2), "ab");
  ring.append("efghijkl");
  EXPECT_EQ(ring.take(position, 100), "efghijkl");
  EXPECT_EQ(ring.take(position, 100), "");
  ring.append("m");
  EXPECT_EQ(ring.take(position, 100), "m");
}

asio::awaitable<std::string> next_of(std::shared_ptr<ConsoleRing> ring, std::uint64_t position) {
  std::string out = ring->take(position, 100);
  while (out.empty() && !ring->ended()) {
    co_await ring->changed();
    out = ring->take(position, 100);
  }
  co_return out;
}

TEST(ConsoleRing, WakesAllViewers) {
  asio::io_context io;
  auto ring = std::make_shared<ConsoleRing>(io.get_executor(), 100);
  std::vector<std::string> got;
  for (int viewer = 0; viewer < 3; ++viewer)
    asio::co_spawn(io, next_of(ring, 0), [&](std::exception_ptr, std::string text) { got.push_back(text); });
  io.poll();
  EXPECT_TRUE(got.empty());
  ring->append("hello");
  io.restart();
  io.run();
  EXPECT_EQ(got, (std::vector<std::string>{"hello", "hello", "hello"}));
}

TEST(MarkerScanner, FindsAMarkerThatComesInPieces) {
  MarkerScanner scanner(" login: ");
  EXPECT_FALSE(scanner.feed("web-1 log"));
  EXPECT_FALSE(scanner.feed("in"));
  EXPECT_TRUE(scanner.feed(": "));
  EXPECT_FALSE(scanner.feed("again"));
  EXPECT_FALSE(scanner.feed(" logi"));
  scanner.reset();
  EXPECT_FALSE(scanner.feed("n: ")) << "a boot begins afresh";
}

TEST_F(Parts, TheConsoleLogTellsBootsApartAndGivesBlocksBack) {
  const auto path = folder + "/console.log";
  const UniqueFd out(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600));
  const auto write = [&](const std::string& text) {
    ASSERT_EQ(::write(out.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  };
  write("old login: ");
  asio::io_context io;
  auto ring = std::make_shared<ConsoleRing>(io.get_executor(), 1000);
  ConsoleLog log(ring, " login: ", 1 << 20);
  ASSERT_TRUE(log.open(path, 11));
  EXPECT_FALSE(log.pump()) << "the marker was an earlier boot's";
  std::uint64_t position = 0;
  EXPECT_EQ(ring->take(position, 100), "old login: ");
  write("new login: ");
  EXPECT_TRUE(log.pump());
  EXPECT_EQ(log.begin_boot(), 22);
  EXPECT_FALSE(log.pump());

  for (int block = 0; block < 64; ++block) write(std::string(64 * 1024, 'x'));
  log.pump();
  struct stat info{};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_LE(std::int64_t{info.st_blocks} * 512, (1 << 20) + 512 * 1024) << "4 MiB were written";
  write("end");
  log.pump();
  position = 0;
  EXPECT_TRUE(ring->take(position, 2000).ends_with("end"));
}

TEST_F(Parts, TheConsoleLogIsNeverFollowedElsewhere) {
  std::ofstream(folder + "/secret") << "secret";
  std::filesystem::create_symlink(folder + "/secret", folder + "/link");
  std::filesystem::create_hard_link(folder + "/secret", folder + "/hard");
  asio::io_context io;
  for (const char* name : {"/link", "/hard"}) {
    auto ring = std::make_shared<ConsoleRing>(io.get_executor(), 1000);
    ConsoleLog log(ring, "x", 1000);
    EXPECT_FALSE(log.open(folder + name, 0)) << name;
    EXPECT_EQ(ring->size(), 0U);
  }
}

// --- mutex ---

asio::awaitable<void> take_turn(AsyncMutex& mutex, std::vector<int>& order, int number) {
  const auto turn = co_await mutex.lock();
  order.push_back(number);
  co_await sleep_for(1ms);
  order.push_back(number);
}

TEST(AsyncMutex, GivesTurnsInOrderAndSurvivesACancelledWaiter) {
  asio::io_context io;
  AsyncMutex mutex;
  std::vector<int> order;
  TaskScope scope(io.get_executor(), "test");
  TaskScope cancelled(io.get_executor(), "cancelled");
  scope.spawn("1", take_turn(mutex, order, 1));
  cancelled.spawn("2", take_turn(mutex, order, 2));
  scope.spawn("3", take_turn(mutex, order, 3));
  io.poll();
  run(io, cancelled.stop());
  run(io, scope.join());
  EXPECT_EQ(order, (std::vector<int>{1, 1, 3, 3}));
}

// --- QMP ---

constexpr auto kGreeting = "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n";

/// The other end of a QMP connection: answers each command with the next line of the script.
struct Peer {
  explicit Peer(asio::io_context& io) : theirs(io), ours(io), scope(io.get_executor(), "qmp-test") {
    asio::local::connect_pair(theirs, ours);
  }
  asio::awaitable<void> play(std::vector<std::string> script) {
    std::string buffer;
    for (const auto& line : script) {
      if (line.starts_with("{\"QMP\"") || line.starts_with("{\"event\"")) {
        co_await asio::async_write(theirs, asio::buffer(line), asio::use_awaitable);
        continue;
      }
      boost::system::error_code failed;
      const auto size = co_await asio::async_read_until(theirs, asio::dynamic_buffer(buffer), '\n',
                                                        asio::redirect_error(asio::use_awaitable, failed));
      if (failed) co_return;
      asked.push_back(buffer.substr(0, size));
      buffer.erase(0, size);
      if (line == "hang up") {
        theirs.close();
        co_return;
      }
      co_await asio::async_write(theirs, asio::buffer(line), asio::use_awaitable);
    }
  }
  Result<std::shared_ptr<QmpClient>> open(asio::io_context& io, std::vector<std::string> script) {
    scope.spawn("peer", play(std::move(script)));
    return run(io, QmpClient::open(
                       std::move(ours), scope,
                       [this](const std::string& name, const json::object&) { events.push_back(name); }, 200ms, 200ms));
  }
  asio::local::stream_protocol::socket theirs;
  asio::local::stream_protocol::socket ours;
  TaskScope scope;
  std::vector<std::string> asked;
  std::vector<std::string> events;
};

TEST(QmpClient, MatchesAnswersToCallsAndHandsEventsOver) {
  asio::io_context io;
  Peer peer(io);
  auto client =
      peer.open(io, {kGreeting, "{\"return\": {}, \"id\": 1}\r\n", "{\"event\": \"STOP\"}\r\n",
                     "{\"return\": 0, \"id\": 99}\r\n{\"event\": \"RESUME\"}\r\n"
                     "{\"return\": {\"status\": \"running\"}, \"id\": 2}\r\n",
                     "{\"error\": {\"class\": \"GenericError\", \"desc\": \"no\"}, \"id\": 3}\r\n", "hang up"});
  ASSERT_TRUE(client) << client.error().to_string();
  const auto status = run(io, (*client)->execute("query-status"));
  ASSERT_TRUE(status);
  EXPECT_EQ(status->at("status"), "running");
  EXPECT_EQ(peer.events, (std::vector<std::string>{"STOP", "RESUME"}));
  const auto refused = run(io, (*client)->execute("cont"));
  EXPECT_EQ(refused.error().reason(), "hypervisor.refused");
  EXPECT_EQ(refused.error().internal(), "no");
  const auto lost = run(io, (*client)->execute("quit"));
  EXPECT_EQ(lost.error().reason(), "hypervisor.unknown") << "it may have been carried out";
  EXPECT_FALSE((*client)->is_open());
  EXPECT_EQ(run(io, (*client)->execute("quit")).error().reason(), "hypervisor.unknown");
  ASSERT_EQ(peer.asked.size(), 4U);
  EXPECT_EQ(json::parse(peer.asked[1]), json::parse(R"({"execute":"query-status","id":2})"));
  run(io, peer.scope.stop());
}

TEST(QmpClient, ABusyMonitorThatNeverGreetsTimesOut) {
  asio::io_context io;
  Peer peer(io);
  const auto client = peer.open(io, {});
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().reason(), "hypervisor.unknown");
  run(io, peer.scope.stop());
}

TEST(QmpClient, SilenceToACommandEndsTheConnection) {
  asio::io_context io;
  Peer peer(io);
  auto client = peer.open(io, {kGreeting, "{\"return\": {}, \"id\": 1}\r\n"});
  ASSERT_TRUE(client);
  EXPECT_EQ(run(io, (*client)->execute("stop")).error().reason(), "hypervisor.unknown");
  EXPECT_FALSE((*client)->is_open());
  run(io, peer.scope.stop());
}

TEST(QmpClient, GarbageIsNotAMonitor) {
  for (const char* greeting : {"{\"QMP\" nonsense}\r\n"}) {
    asio::io_context io;
    Peer peer(io);
    EXPECT_FALSE(peer.open(io, {greeting}));
    run(io, peer.scope.stop());
  }
  asio::io_context io;
  Peer peer(io);
  auto client = peer.open(io, {kGreeting, "{\"return\": {}, \"id\": 1}\r\n", "[broken\r\n"});
  ASSERT_TRUE(client);
  EXPECT_EQ(run(io, (*client)->execute("stop")).error().reason(), "hypervisor.unknown");
  run(io, peer.scope.stop());
}

// --- images ---

class Import : public Parts {
 protected:
  Import() {
    for (const char* name : {"/images", "/import"}) EXPECT_TRUE(make_folder(folder + name, 0700));
    options.image_max_bytes = 8 << 20;
    options.image_max_virtual_bytes = 64 << 20;
  }
  ImageStore store() const { return {folder + "/images", folder + "/import", options}; }
  void qemu_img(std::vector<std::string> arguments) const {
    SpawnOptions program;
    program.argv = {options.qemu_img_binary};
    program.argv.insert(program.argv.end(), arguments.begin(), arguments.end());
    program.cwd = folder + "/import";
    const auto done = run_command(program, 30s);
    ASSERT_TRUE(done && done->status.success()) << done->out;
  }
  Result<compute::ImageFile> take(const std::string& file, ImageFormat format, std::optional<Uuid> id = {}) {
    auto import = store().import({id ? *id : ids.next(), file, format});
    PHX_CHECK(import.begin());
    while (!import.complete()) PHX_CHECK(import.copy_piece());
    return import.finish();
  }
  std::string reason(const std::string& file, ImageFormat format) {
    const auto imported = take(file, format);
    const auto left = std::distance(std::filesystem::directory_iterator(folder + "/images"), {});
    EXPECT_EQ(left, imported ? 1 : 0) << "a refused image leaves nothing";
    return imported ? "imported" : imported.error().reason();
  }
  std::ptrdiff_t stored() const { return std::distance(std::filesystem::directory_iterator(folder + "/images"), {}); }
  Options options;
  SystemClock clock;
  SeededRandom random{7};
  UuidSource ids{clock, random};
};

TEST_F(Import, TakesAQcow2AndARawImageWithTheirDigests) {
  qemu_img({"create", "-q", "-f", "qcow2", "good", "16M"});
  const auto id = ids.next();
  const auto first = take("good", ImageFormat::kQcow2, id);
  ASSERT_TRUE(first) << first.error().to_string();
  EXPECT_EQ(first->virtual_bytes, 16 << 20);
  EXPECT_EQ(first->disk_path, folder + "/images/" + id.to_string() + ".qcow2");
  EXPECT_EQ(first->sha256, sha256_of_file(folder + "/import/good").value());
  struct stat info{};
  ASSERT_EQ(::stat(first->disk_path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0444U);

  std::ofstream(folder + "/import/raw") << std::string(1 << 20, '\0') << std::string(512, 'x');
  const auto raw = take("raw", ImageFormat::kRaw);
  ASSERT_TRUE(raw) << raw.error().to_string();
  EXPECT_EQ(raw->virtual_bytes, (1 << 20) + 512);
  ASSERT_EQ(::stat(raw->disk_path.c_str(), &info), 0);
  EXPECT_LT(std::int64_t{info.st_blocks} * 512, 1 << 20) << "zeros take no room";

  EXPECT_TRUE(store().remove(id));
  EXPECT_TRUE(store().remove(id));
  EXPECT_FALSE(std::filesystem::exists(first->disk_path));
  EXPECT_EQ(stored(), 1) << "another image goes with it";
}

TEST_F(Import, WhatIsInItsPlaceNeedsItsSourceNoMore) {
  qemu_img({"create", "-q", "-f", "qcow2", "good", "16M"});
  const auto id = ids.next();
  const auto first = take("good", ImageFormat::kQcow2, id);
  ASSERT_TRUE(first);
  std::filesystem::remove(folder + "/import/good");
  const auto again = take("good", ImageFormat::kQcow2, id);
  ASSERT_TRUE(again) << again.error().to_string();
  EXPECT_EQ(again->sha256, first->sha256);
  EXPECT_EQ(again->virtual_bytes, first->virtual_bytes);
  EXPECT_EQ(again->size_bytes, first->size_bytes);
}

TEST_F(Import, AnAbandonedCopyLeavesNothingAndAKilledOneIsBegunAnew) {
  options.image_max_bytes = 80 << 20;
  options.image_max_virtual_bytes = 80 << 20;
  std::filesystem::resize_file((std::ofstream(folder + "/import/big"), folder + "/import/big"), 70 << 20);
  const auto id = ids.next();
  {
    auto import = store().import({id, "big", ImageFormat::kRaw});
    ASSERT_TRUE(import.begin());
    ASSERT_TRUE(import.copy_piece());
    EXPECT_EQ(import.done(), 32 << 20);
    EXPECT_EQ(import.total(), 70 << 20);
    EXPECT_FALSE(import.complete());
    EXPECT_EQ(stored(), 1);
  }
  EXPECT_EQ(stored(), 0);
  const auto half = folder + "/images/.import-" + id.to_string();
  std::filesystem::create_directory(half);
  std::ofstream(half + "/copy") << "half";
  const auto whole = take("big", ImageFormat::kRaw, id);
  ASSERT_TRUE(whole) << whole.error().to_string();
  EXPECT_EQ(whole->sha256, sha256_of_file(folder + "/import/big").value());
  EXPECT_EQ(stored(), 1);
  std::filesystem::create_directory(half);
  store().clear_leftovers();
  EXPECT_EQ(stored(), 1);
}

TEST_F(Import, AFullDiskIsSaidBeforeAnythingIsCopied) {
  std::ofstream(folder + "/import/raw") << std::string(1 << 20, 'x');
  options.image_disk_reserve = std::int64_t{1} << 60;
  EXPECT_EQ(reason("raw", ImageFormat::kRaw), "hypervisor.disk_full");
}

TEST_F(Import, RefusesABackingFile) {
  std::ofstream(folder + "/import/secret.raw") << std::string(1 << 20, 's');
  qemu_img({"create", "-q", "-f", "qcow2", "-F", "raw", "-b", "secret.raw", "child"});
  EXPECT_EQ(reason("child", ImageFormat::kQcow2), "image.backing_file");
}

TEST_F(Import, RefusesAnExternalDataFile) {
  qemu_img({"create", "-q", "-f", "qcow2", "-o", "data_file=other.raw", "split", "1M"});
  EXPECT_EQ(reason("split", ImageFormat::kQcow2), "image.data_file");
}

TEST_F(Import, RefusesAnotherFormatThanDeclared) {
  qemu_img({"create", "-q", "-f", "qcow2", "q", "1M"});
  qemu_img({"create", "-q", "-f", "vmdk", "v", "1M"});
  std::ofstream(folder + "/import/short") << "QFI\xfb";
  EXPECT_EQ(reason("q", ImageFormat::kRaw), "image.bad_format");
  EXPECT_EQ(reason("v", ImageFormat::kQcow2), "image.bad_format");
  EXPECT_EQ(reason("short", ImageFormat::kQcow2), "image.bad_format");
  EXPECT_EQ(reason("q", ImageFormat::kMicro), "image.bad_format");
}

TEST_F(Import, RefusesWhatIsTooLarge) {
  qemu_img({"create", "-q", "-f", "qcow2", "wide", "65M"});
  EXPECT_EQ(reason("wide", ImageFormat::kQcow2), "image.too_large");
  std::ofstream(folder + "/import/heavy") << std::string((8 << 20) + 1, 'x');
  EXPECT_EQ(reason("heavy", ImageFormat::kRaw), "image.too_large");
}

TEST_F(Import, RefusesNamesAndThingsThatAreNotFilesOfTheFolder) {
  std::ofstream(folder + "/outside") << "x";
  std::filesystem::create_symlink(folder + "/outside", folder + "/import/link");
  ASSERT_EQ(::mkfifo((folder + "/import/pipe").c_str(), 0600), 0);
  EXPECT_EQ(reason("../outside", ImageFormat::kRaw), "image.bad_name");
  EXPECT_EQ(reason("", ImageFormat::kRaw), "image.bad_name");
  EXPECT_EQ(reason(".hidden", ImageFormat::kRaw), "image.bad_name");
  EXPECT_EQ(reason("none", ImageFormat::kRaw), "image.not_found");
  EXPECT_EQ(reason("link", ImageFormat::kRaw), "image.unreadable");
  EXPECT_EQ(reason("pipe", ImageFormat::kRaw), "image.unreadable");
}

}  // namespace
}  // namespace phx::qemu
