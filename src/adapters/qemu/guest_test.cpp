// Real guests: QEMU boots the micro image under emulation. About 3 s each.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <fstream>

#include "adapters/qemu/files.hpp"
#include "adapters/qemu/guest_folder.hpp"
#include "adapters/qemu/qmp_client.hpp"
#include "adapters/qemu/test_host.hpp"

namespace phx::qemu {
namespace {

/// How long a guest may take where compilers and sanitizers keep the processors busy.
constexpr auto kPatience = std::chrono::seconds(150);

using namespace compute;
using testing::HasSubstr;

class RealGuest : public testing::Test {
 protected:
  RealGuest() : image(micro_image()), ids(clock, random) {
    options.data_folder = folder + "/data";
    server = make_server();
  }
  ~RealGuest() override {
    server.reset();
    // Whatever a failed test left: only processes started with an id of this test.
    for (const auto& id : made)
      for (const auto pid : guest_processes(id)) ::kill(pid, SIGKILL);
    std::filesystem::remove_all(folder);
  }

  std::unique_ptr<Server> make_server() {
    auto fresh = std::make_unique<Server>(options);
    const auto opened = fresh->wait(fresh->hypervisor.open());
    EXPECT_TRUE(opened) << opened.error().to_string();
    return fresh;
  }
  void restart_server() {
    server.reset();
    server = make_server();
  }
  GuestSpec spec(const std::string& name = "web-1") {
    GuestSpec out;
    out.id = ids.next();
    out.tenant = tenant;
    out.name = name;
    out.disk_mib = 64;
    out.image = image;
    out.ssh_keys = {"ssh-ed25519 AAAAC3Nza me@home"};
    made.push_back(out.id);
    return out;
  }
  QemuHypervisor& qemu() { return server->hypervisor; }
  GuestObservation observe(const Uuid& id) {
    auto seen = server->wait(qemu().observe(id));
    EXPECT_TRUE(seen) << seen.error().to_string();
    return seen.value_or(GuestObservation{});
  }
  void create(const GuestSpec& wanted) {
    const auto provisioned = server->wait(qemu().provision(wanted));
    ASSERT_TRUE(provisioned) << provisioned.error().to_string();
    const auto started = server->wait(qemu().start(wanted));
    ASSERT_TRUE(started) << started.error().to_string();
  }
  Result<ImageFile> take(const std::string& file, ImageFormat format, const Uuid& id) {
    return server->wait(qemu().import_image({id, file, format}, [](std::int64_t, std::int64_t) { return go_on(); }));
  }
  static asio::awaitable<bool> go_on() { co_return true; }
  static asio::awaitable<void> take_turns(int& turns) {
    for (;; ++turns) co_await sleep_for(1ms);
  }
  /// Looks again until it holds; false after kPatience.
  bool becomes(const Uuid& id, const std::function<bool(const GuestObservation&)>& holds) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < end) {
      if (holds(observe(id))) return true;
      server->wait(sleep_for(20ms));
    }
    return false;
  }
  bool boots(const Uuid& id) {
    return becomes(id, [](const auto& seen) { return seen.booted_at.has_value(); });
  }
  bool stops(const Uuid& id) {
    return becomes(id, [](const auto& seen) { return seen.presence == Presence::kDefined; });
  }
  bool event_comes(const Uuid& id, GuestEventKind kind) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (!server->saw(id, kind) && std::chrono::steady_clock::now() < end) server->wait(sleep_for(5ms));
    return server->saw(id, kind);
  }
  std::unique_ptr<Console> console(const Uuid& id) {
    auto opened = server->wait(qemu().open_console(id));
    EXPECT_TRUE(opened) << opened.error().to_string();
    return opened ? std::move(*opened) : nullptr;
  }
  /// Reads until the text was seen; what was read.
  std::string read_until(Console& viewer, const std::string& text) {
    return server->wait(read_until_task(viewer, text));
  }
  static asio::awaitable<std::string> read_until_task(Console& viewer, std::string text) {
    std::string out;
    while (out.find(text) == out.npos) {
      const auto more = co_await viewer.read();
      if (!more || more->empty()) break;
      out += *more;
    }
    co_return out;
  }
  void type(Console& viewer, const std::string& text) {
    const auto typed = server->wait(viewer.write(text));
    EXPECT_TRUE(typed) << typed.error().to_string();
  }
  void log_in(Console& viewer) {
    read_until(viewer, "login: ");
    type(viewer, "root\n");
    read_until(viewer, "# ");
  }
  std::string guest_folder(const Uuid& id) const { return options.data_folder + "/guests/" + id.to_string(); }
  /// A spec with another id and UUID's lock held by us: like a process that we cannot talk to.
  UniqueFd hold_lock(const Uuid& id) const {
    UniqueFd fd(::open((guest_folder(id) + "/lock").c_str(), O_RDWR | O_CLOEXEC));
    EXPECT_EQ(::flock(fd.get(), LOCK_EX | LOCK_NB), 0);
    return fd;
  }

  std::string folder = make_temp_folder();
  ImageFile image;
  SystemClock clock;
  SystemRandom random;
  UuidSource ids;
  Uuid tenant = ids.next();
  Options options;
  std::vector<Uuid> made;
  std::unique_ptr<Server> server;
};

TEST_F(RealGuest, LivesItsWholeLifeAndLeavesNothing) {
  const auto wanted = spec();
  EXPECT_EQ(observe(wanted.id).presence, Presence::kAbsent);
  EXPECT_EQ(server->wait(qemu().start(wanted)).error().reason(), "guest.absent");
  create(wanted);
  auto seen = observe(wanted.id);
  EXPECT_EQ(seen.presence, Presence::kRunning);
  EXPECT_EQ(seen.power, Power::kRunning);
  EXPECT_EQ(seen.provider_state, "running");
  ASSERT_TRUE(seen.pid);
  EXPECT_FALSE(seen.booted_at) << "running is not booted";
  ASSERT_TRUE(boots(wanted.id));
  EXPECT_TRUE(server->saw(wanted.id, GuestEventKind::kBooted));

  // Console: scrollback first, a command's echo, and what the seed disk brought.
  const auto viewer = console(wanted.id);
  EXPECT_THAT(read_until(*viewer, "login: "), HasSubstr("Sankofa Phoenix micro\r\nhostname web-1\r\naddress 10.0.2."));
  type(*viewer, "root\n");
  read_until(*viewer, "# ");
  type(*viewer, "cat .ssh/authorized_keys; echo $((6 * 7)) > /data/kept; cat /data/kept\n");
  EXPECT_THAT(read_until(*viewer, "\n42\r\n"), HasSubstr("ssh-ed25519 AAAAC3Nza me@home"));
  const auto second = console(wanted.id);
  EXPECT_THAT(read_until(*second, "\n42\r\n"), HasSubstr("hostname web-1")) << "another viewer sees it all, too";

  const auto used = server->wait(qemu().usage(wanted.id));
  ASSERT_TRUE(used);
  EXPECT_GT(used->cpu_seconds, 0.5);
  EXPECT_GT(used->resident_bytes, 32 << 20);
  EXPECT_GT(used->disk_bytes, 0);
  EXPECT_EQ(used->balloon_bytes, std::int64_t{128} << 20);

  // Paused and back, twice each: idempotent.
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(server->wait(qemu().pause(wanted.id)));
  EXPECT_EQ(observe(wanted.id).power, Power::kPaused);
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(server->wait(qemu().resume(wanted.id)));
  EXPECT_EQ(observe(wanted.id).power, Power::kRunning);

  // The power button.
  EXPECT_TRUE(server->wait(qemu().power_down(wanted.id)));
  ASSERT_TRUE(stops(wanted.id));
  seen = observe(wanted.id);
  ASSERT_TRUE(seen.last_exit);
  EXPECT_TRUE(seen.last_exit->expected);
  EXPECT_EQ(seen.last_exit->reason, "the guest powered off");
  EXPECT_FALSE(seen.booted_at);
  EXPECT_TRUE(guest_processes(wanted.id).empty());
  EXPECT_TRUE(server->wait(qemu().power_down(wanted.id))) << "off already";
  EXPECT_EQ(server->wait(qemu().pause(wanted.id)).error().reason(), "guest.not_running");
  EXPECT_EQ(server->wait(viewer->write("x")).error().reason(), "guest.not_running");

  // On again: the disk was kept, and the viewer lives on.
  ASSERT_TRUE(server->wait(qemu().start(wanted)));
  ASSERT_TRUE(boots(wanted.id));
  EXPECT_FALSE(observe(wanted.id).last_exit);
  log_in(*viewer);
  type(*viewer, "cat /data/kept\n");
  EXPECT_THAT(read_until(*viewer, "\n42\r\n"), HasSubstr("42"));

  // A reset is another boot.
  EXPECT_TRUE(server->wait(qemu().reset(wanted.id)));
  ASSERT_TRUE(event_comes(wanted.id, GuestEventKind::kReset));
  EXPECT_FALSE(observe(wanted.id).booted_at);
  ASSERT_TRUE(boots(wanted.id));

  ASSERT_TRUE(server->wait(qemu().destroy(wanted.id)));
  EXPECT_EQ(observe(wanted.id).presence, Presence::kAbsent);
  EXPECT_TRUE(guest_processes(wanted.id).empty());
  EXPECT_FALSE(std::filesystem::exists(guest_folder(wanted.id)));
  EXPECT_TRUE(server->wait(qemu().list())->empty());
  EXPECT_EQ(read_until(*viewer, "never").find("never"), std::string::npos) << "the console ends with the guest";
  EXPECT_TRUE(server->wait(qemu().destroy(wanted.id))) << "gone already";
}

TEST_F(RealGuest, IsAdoptedAfterARestartWithItsScrollback) {
  const auto wanted = spec();
  create(wanted);
  ASSERT_TRUE(boots(wanted.id));
  const auto before = observe(wanted.id);
  restart_server();
  const auto after = observe(wanted.id);
  EXPECT_EQ(after.presence, Presence::kRunning);
  EXPECT_EQ(after.pid, before.pid);
  EXPECT_EQ(after.booted_at, before.booted_at);
  EXPECT_EQ(after.started_at, before.started_at);
  EXPECT_TRUE(server->wait(qemu().start(wanted))) << "runs already";
  EXPECT_EQ(guest_processes(wanted.id).size(), 1U);
  const auto viewer = console(wanted.id);
  EXPECT_THAT(read_until(*viewer, "login: "), HasSubstr("hostname web-1"));
  type(*viewer, "root\n");
  EXPECT_THAT(read_until(*viewer, "# "), HasSubstr("web-1:"));

  // Not our child any more: its end is noticed all the same.
  ::kill(*after.pid, SIGKILL);
  ASSERT_TRUE(event_comes(wanted.id, GuestEventKind::kExited));
  const auto dead = observe(wanted.id);
  EXPECT_EQ(dead.presence, Presence::kDefined);
  ASSERT_TRUE(dead.last_exit);
  EXPECT_FALSE(dead.last_exit->expected);
}

TEST_F(RealGuest, BootsAndPowersOffWhileNoServerWatches) {
  const auto wanted = spec();
  create(wanted);
  server.reset();
  // The boot is read from the log afterwards.
  const auto log = guest_folder(wanted.id) + "/run/console.log";
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (read_file(log)->find("login: ") == std::string::npos && std::chrono::steady_clock::now() < end)
    ::usleep(20000);
  server = make_server();
  ASSERT_TRUE(boots(wanted.id));

  // A power-off that nobody saw is no crash.
  auto viewer = console(wanted.id);
  log_in(*viewer);
  viewer.reset();
  server.reset();
  asio::io_context io;
  asio::local::stream_protocol::socket keyboard(io);
  keyboard.connect(guest_folder(wanted.id) + "/run/console.sock");
  asio::write(keyboard, asio::buffer(std::string_view("poweroff -f\n")));
  while (read_file(log)->find("Power down") == std::string::npos && std::chrono::steady_clock::now() < end)
    ::usleep(20000);
  server = make_server();
  ASSERT_TRUE(stops(wanted.id));
  const auto seen = observe(wanted.id);
  ASSERT_TRUE(seen.last_exit);
  EXPECT_TRUE(seen.last_exit->expected);
  EXPECT_EQ(seen.last_exit->reason, "the guest powered off");
}

TEST_F(RealGuest, KillingOneIsNoticedWithItsReasonAndLeavesTheOthers) {
  const auto one = spec("one");
  const auto two = spec("two");
  create(one);
  create(two);
  const auto victim = observe(one.id);
  const auto other = observe(two.id);
  ASSERT_TRUE(victim.pid && other.pid);
  std::ifstream score("/proc/" + std::to_string(*victim.pid) + "/oom_score_adj");
  int value = 0;
  score >> value;
  EXPECT_EQ(value, options.oom_score_adj) << "the kernel takes guests first";
  ::kill(*victim.pid, SIGKILL);
  ASSERT_TRUE(event_comes(one.id, GuestEventKind::kExited));
  const auto dead = observe(one.id);
  EXPECT_EQ(dead.presence, Presence::kDefined);
  EXPECT_EQ(dead.power, Power::kOff);
  ASSERT_TRUE(dead.last_exit);
  EXPECT_EQ(dead.last_exit->signal, SIGKILL);
  EXPECT_FALSE(dead.last_exit->expected);
  EXPECT_EQ(dead.last_exit->reason, "killed by signal 9");
  EXPECT_EQ(observe(two.id).power, Power::kRunning);
  EXPECT_EQ(observe(two.id).pid, other.pid);

  // The reason outlives the server, and a start clears it.
  restart_server();
  EXPECT_EQ(observe(one.id).last_exit->signal, SIGKILL);
  ASSERT_TRUE(server->wait(qemu().start(one)));
  EXPECT_FALSE(observe(one.id).last_exit);
  EXPECT_EQ(observe(two.id).pid, other.pid);

  // By our own hand it is expected.
  EXPECT_TRUE(server->wait(qemu().kill(one.id)));
  EXPECT_TRUE(observe(one.id).last_exit->expected);
  EXPECT_TRUE(server->wait(qemu().kill(one.id))) << "dead already";
  const auto found = server->wait(qemu().list());
  ASSERT_EQ(found->size(), 2U);
  for (const auto& guest : *found) {
    EXPECT_EQ(guest.tenant, tenant);
    EXPECT_EQ(guest.has_process, guest.id == two.id);
  }
}

TEST_F(RealGuest, RunsUnprivilegedInItsOwnSessionWithOneUidPerTenant) {
  const auto mine = spec("mine");
  auto theirs = spec("theirs");
  theirs.tenant = ids.next();
  create(mine);
  create(theirs);
  const auto status_of = [&](const Uuid& id, const std::string& key) {
    std::ifstream file("/proc/" + std::to_string(*observe(id).pid) + "/status");
    std::string line;
    while (std::getline(file, line))
      if (line.starts_with(key + ":")) return line.substr(key.size() + 2);
    return std::string();
  };
  EXPECT_EQ(status_of(mine.id, "Seccomp"), "2");
  EXPECT_EQ(status_of(mine.id, "NoNewPrivs"), "1");
  const pid_t pid = *observe(mine.id).pid;
  EXPECT_EQ(::getsid(pid), pid);
  if (::geteuid() == 0) {
    EXPECT_EQ(status_of(mine.id, "Uid"), "200000\t200000\t200000\t200000");
    EXPECT_EQ(status_of(theirs.id, "Uid"), "200001\t200001\t200001\t200001");
    EXPECT_EQ(status_of(mine.id, "Gid"), "200000\t200000\t200000\t200000");
    EXPECT_EQ(status_of(mine.id, "Groups").find_first_not_of(" "), std::string::npos);
    EXPECT_EQ(status_of(mine.id, "CapEff"), "0000000000000000");
    EXPECT_EQ(status_of(mine.id, "CapBnd"), "0000000000000000");
  } else {
    EXPECT_EQ(status_of(mine.id, "CapEff"), "0000000000000000");
  }
  struct stat info{};
  ASSERT_EQ(::stat((guest_folder(mine.id) + "/run").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700U);
}

TEST_F(RealGuest, ASecondStartOrServerMakesNoSecondCopy) {
  const auto wanted = spec();
  ASSERT_TRUE(server->wait(qemu().provision(wanted)));
  ASSERT_TRUE(server->wait(qemu().provision(wanted))) << "done already";
  int succeeded = 0;
  int ended = 0;
  for (int i = 0; i < 3; ++i)
    asio::co_spawn(server->io, qemu().start(wanted), [&](std::exception_ptr, Status status) {
      succeeded += status.has_value();
      ++ended;
    });
  while (ended < 3) server->io.run_one();
  EXPECT_EQ(succeeded, 3);
  EXPECT_EQ(guest_processes(wanted.id).size(), 1U);

  Server rival(options);
  EXPECT_EQ(rival.wait(rival.hypervisor.open()).error().reason(), "hypervisor.host_busy");

  auto stolen = wanted;
  stolen.tenant = ids.next();
  EXPECT_EQ(server->wait(qemu().provision(stolen)).error().reason(), "guest.invalid") << "another tenant's id";
}

TEST_F(RealGuest, OutlivesTheDeathOfTheWholeProcessGroup) {
  const auto wanted = spec();
  server.reset();
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::setpgid(0, 0);
    Server doomed(options);
    const bool up = doomed.wait(doomed.hypervisor.open()) && doomed.wait(doomed.hypervisor.provision(wanted)) &&
                    doomed.wait(doomed.hypervisor.start(wanted));
    const char answer = up ? 'y' : 'n';
    [[maybe_unused]] const auto written = ::write(pipe_ends[1], &answer, 1);
    while (true) ::pause();
  }
  char answer = 0;
  ASSERT_EQ(::read(pipe_ends[0], &answer, 1), 1);
  EXPECT_EQ(answer, 'y');
  ::close(pipe_ends[0]);
  ::close(pipe_ends[1]);
  ASSERT_EQ(::kill(-child, SIGKILL), 0);
  ::waitpid(child, nullptr, 0);

  server = make_server();
  const auto seen = observe(wanted.id);
  EXPECT_EQ(seen.presence, Presence::kRunning);
  EXPECT_EQ(seen.power, Power::kRunning);
  ASSERT_TRUE(boots(wanted.id));
}

TEST_F(RealGuest, ABusyControlSocketIsGoneRoundByTheRescueSocket) {
  options.greeting_limit = 500ms;
  restart_server();
  const auto wanted = spec();
  create(wanted);
  server.reset();
  // Somebody else holds the control socket: QEMU lets us connect, and then says nothing.
  asio::io_context io;
  const auto run_folder = open_folder(guest_folder(wanted.id) + "/run");
  ASSERT_TRUE(run_folder);
  auto squatter = connect_in_folder(io.get_executor(), *run_folder, "control.sock");
  ASSERT_TRUE(squatter);
  server = make_server();
  EXPECT_EQ(observe(wanted.id).power, Power::kRunning);
  EXPECT_TRUE(server->wait(qemu().pause(wanted.id)));
  EXPECT_EQ(observe(wanted.id).power, Power::kPaused);
}

TEST_F(RealGuest, AHangingGuestIsUnknownAndCanStillBeEnded) {
  options.greeting_limit = 300ms;
  options.answer_limit = 300ms;
  restart_server();
  const auto wanted = spec();
  create(wanted);
  const pid_t pid = *observe(wanted.id).pid;
  ASSERT_EQ(::kill(pid, SIGSTOP), 0);
  EXPECT_EQ(server->wait(qemu().observe(wanted.id)).error().reason(), "hypervisor.unknown");
  EXPECT_EQ(server->wait(qemu().power_down(wanted.id)).error().reason(), "hypervisor.unknown");
  // Also by a server that never talked to it.
  restart_server();
  EXPECT_EQ(server->wait(qemu().observe(wanted.id)).error().reason(), "hypervisor.unknown");
  const auto killed = server->wait(qemu().kill(wanted.id));
  EXPECT_TRUE(killed) << killed.error().to_string();
  EXPECT_TRUE(guest_processes(wanted.id).empty());
  EXPECT_EQ(observe(wanted.id).presence, Presence::kDefined);
}

TEST_F(RealGuest, AStrangersProcessIsNeverTouched) {
  options.greeting_limit = 200ms;
  options.answer_limit = 200ms;
  restart_server();
  const auto wanted = spec();
  ASSERT_TRUE(server->wait(qemu().provision(wanted)));
  SpawnOptions other;
  other.argv = {"/bin/sleep", "600"};
  const auto stranger = spawn(other);
  ASSERT_TRUE(stranger);
  const auto handle = open_pidfd(*stranger);
  ASSERT_TRUE(handle);

  // Our record names its pid.
  GuestState state;
  state.started_at = clock.now();
  state.process = *identify_process(*stranger);
  ASSERT_TRUE(GuestFolder(options.data_folder + "/guests", wanted.id).save(state));
  restart_server();
  EXPECT_EQ(observe(wanted.id).presence, Presence::kDefined);
  EXPECT_TRUE(server->wait(qemu().kill(wanted.id)));
  EXPECT_FALSE(pidfd_ended(*handle));

  // And the lock is held, but nobody answers as our guest: nothing is known, nothing is done.
  ASSERT_TRUE(GuestFolder(options.data_folder + "/guests", wanted.id).save(state));
  restart_server();
  {
    const auto lock = hold_lock(wanted.id);
    EXPECT_EQ(server->wait(qemu().observe(wanted.id)).error().reason(), "hypervisor.unknown");
    EXPECT_EQ(server->wait(qemu().kill(wanted.id)).error().reason(), "hypervisor.unknown");
    EXPECT_EQ(server->wait(qemu().destroy(wanted.id)).error().reason(), "hypervisor.unknown");
    EXPECT_TRUE(std::filesystem::exists(guest_folder(wanted.id)));
    EXPECT_FALSE(pidfd_ended(*handle));
  }

  // Another machine answers at our guest's socket.
  const auto impostor = spec("impostor");
  create(impostor);
  {
    const auto lock = hold_lock(wanted.id);
    for (const char* name : {"control.sock", "rescue.sock"})
      std::filesystem::create_symlink(guest_folder(impostor.id) + "/run/rescue.sock",
                                      guest_folder(wanted.id) + "/run/" + name);
    EXPECT_EQ(server->wait(qemu().kill(wanted.id)).error().reason(), "hypervisor.unknown");
    EXPECT_EQ(observe(impostor.id).power, Power::kRunning);
  }
  EXPECT_FALSE(pidfd_ended(*handle));
  EXPECT_TRUE(signal_pidfd(*handle, SIGKILL));
  EXPECT_TRUE(wait_exit_for(*handle, 5s));
}

TEST_F(RealGuest, APortForwardReachesTheGuestAndATakenPortIsNamed) {
  // A port of the host that is free now.
  UniqueFd probe(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(probe.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::getsockname(probe.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  ASSERT_EQ(::listen(probe.get(), 1), 0);
  const int port = ntohs(address.sin_port);

  auto wanted = spec();
  wanted.port_forwards = {{port, 80, Protocol::kTcp}};
  ASSERT_TRUE(server->wait(qemu().provision(wanted)));
  const auto refused = server->wait(qemu().start(wanted));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason(), "hypervisor.port_in_use");
  EXPECT_EQ(refused.error().field(), "portForwards");
  EXPECT_EQ(observe(wanted.id).presence, Presence::kDefined);
  EXPECT_TRUE(guest_processes(wanted.id).empty());

  probe.reset();
  ASSERT_TRUE(server->wait(qemu().start(wanted)));
  ASSERT_TRUE(boots(wanted.id));
  const auto viewer = console(wanted.id);
  log_in(*viewer);
  type(*viewer, "echo from the guest > index.html; httpd -p 80 -h /root; echo READ''Y\n");
  read_until(*viewer, "READY");
  const UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::connect(client.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  const std::string request = "GET / HTTP/1.0\r\n\r\n";
  ASSERT_EQ(::write(client.get(), request.data(), request.size()), static_cast<ssize_t>(request.size()));
  std::string answer;
  char block[4096];
  for (ssize_t got = 0; (got = ::read(client.get(), block, sizeof block)) > 0;)
    answer.append(block, static_cast<std::size_t>(got));
  EXPECT_THAT(answer, HasSubstr("from the guest"));
}

TEST_F(RealGuest, APanicIsSeenAndAResetHealsIt) {
  const auto wanted = spec();
  create(wanted);
  ASSERT_TRUE(boots(wanted.id));
  const auto viewer = console(wanted.id);
  log_in(*viewer);
  type(*viewer, "echo c > /proc/sysrq-trigger\n");
  ASSERT_TRUE(event_comes(wanted.id, GuestEventKind::kPanicked));
  const auto seen = observe(wanted.id);
  EXPECT_EQ(seen.power, Power::kCrashed);
  EXPECT_EQ(seen.provider_state, "guest-panicked");
  EXPECT_TRUE(server->wait(qemu().reset(wanted.id)));
  ASSERT_TRUE(becomes(wanted.id, [](const auto& now) { return now.power == Power::kRunning && now.booted_at; }));
}

TEST_F(RealGuest, ALargeImportLetsTheLoopGoOnAndCanBeCancelled) {
  const auto source = options.data_folder + "/import/large.raw";
  std::ofstream{source};
  std::filesystem::resize_file(source, std::int64_t{2} << 30);
  std::vector<std::int64_t> told;
  std::int64_t stop_at = std::int64_t{1} << 30;
  const auto tell = [&](std::int64_t done) -> asio::awaitable<bool> {
    told.push_back(done);
    co_return done < stop_at;
  };
  const ImageProgress progress = [&](std::int64_t done, std::int64_t) { return tell(done); };
  const auto cancelled = server->wait(qemu().import_image({ids.next(), "large.raw", ImageFormat::kRaw}, progress));
  ASSERT_FALSE(cancelled);
  EXPECT_EQ(cancelled.error().reason(), "image.cancelled");
  EXPECT_TRUE(std::filesystem::is_empty(options.data_folder + "/images")) << "a cancelled import leaves nothing";
  EXPECT_EQ(told.back(), stop_at);

  // Whatever else the loop has to do gets its turns while a piece is copied.
  told.clear();
  stop_at = std::int64_t{3} << 30;
  int turns = 0;
  TaskScope others(server->io.get_executor(), "others");
  others.spawn("turns", take_turns(turns));
  const auto imported = server->wait(qemu().import_image({ids.next(), "large.raw", ImageFormat::kRaw}, progress));
  server->wait(others.stop());
  ASSERT_TRUE(imported) << imported.error().to_string();
  EXPECT_EQ(imported->size_bytes, std::int64_t{2} << 30);
  EXPECT_EQ(imported->sha256, "a7c744c13cc101ed66c29f672f92455547889cc586ce6d44fe76ae824958ea51")
      << "the digest of 2 GiB of zeros";
  EXPECT_EQ(told.size(), 65u) << "told before each piece of 32 MiB";
  EXPECT_GT(turns, 65);
  struct stat info{};
  ASSERT_EQ(::stat(imported->disk_path.c_str(), &info), 0);
  EXPECT_LT(std::int64_t{info.st_blocks} * 512, 1 << 20) << "holes stay holes";
}

TEST_F(RealGuest, AnImportedDiskOutlivesItsImage) {
  // The guest's disk is a copy-on-write child of an imported image; its firmware finds nothing to boot, which is enough
  // to see that QEMU takes disk and image.
  std::ofstream(options.data_folder + "/import/disk.raw") << std::string(1 << 20, '\0') << std::string(512, 'x');
  const auto id = ids.next();
  const auto imported = take("disk.raw", ImageFormat::kRaw, id);
  ASSERT_TRUE(imported) << imported.error().to_string();
  auto wanted = spec();
  wanted.image = *imported;
  ASSERT_TRUE(server->wait(qemu().provision(wanted)));
  ASSERT_TRUE(server->wait(qemu().remove_image(id)));
  EXPECT_FALSE(std::filesystem::exists(imported->disk_path));
  const auto started = server->wait(qemu().start(wanted));
  ASSERT_TRUE(started) << started.error().to_string() << started.error().internal();
  EXPECT_EQ(observe(wanted.id).power, Power::kRunning);
  ASSERT_TRUE(server->wait(qemu().destroy(wanted.id)));
}

TEST_F(RealGuest, HalfDoneWorkOfAKilledServerIsCleared) {
  const auto id = ids.next();
  const auto half = options.data_folder + "/guests/.new-" + id.to_string();
  const auto gone = options.data_folder + "/guests/.gone-" + id.to_string();
  const auto foreign = options.data_folder + "/guests/notes";
  for (const auto& path : {half, gone, foreign}) std::filesystem::create_directories(path + "/run");
  restart_server();
  EXPECT_FALSE(std::filesystem::exists(half));
  EXPECT_FALSE(std::filesystem::exists(gone));
  EXPECT_TRUE(std::filesystem::exists(foreign)) << "not ours";
  EXPECT_TRUE(server->wait(qemu().list())->empty());
}

TEST_F(RealGuest, TheProbeBelievesOnlyAGuestThatBooted) {
  // A hypervisor binary that cannot start stands for an accelerator that does not work.
  options.accelerator = Accelerator::kAuto;
  options.qemu_binary = "/bin/false";
  restart_server();
  const auto probed = server->wait(qemu().probe_accelerator(image));
  ASSERT_TRUE(probed) << probed.error().to_string();
  EXPECT_FALSE(probed->kvm_usable);
  EXPECT_EQ(probed->accelerator, "tcg");
  EXPECT_FALSE(probed->detail.empty());
  EXPECT_TRUE(server->wait(qemu().list())->empty()) << "the probe's guest is gone";
}

}  // namespace
}  // namespace phx::qemu
