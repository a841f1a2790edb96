#!/usr/bin/env bash
# The newcomer's commands on a Debian 12 that has nothing installed.
#
#   tests/plain-debian.sh [COMMIT]        default: HEAD
#
# debootstrap (minbase) makes the system in a temporary folder; it gets this machine's mirrors, proxies, certificates and
# npm settings, and an archive of the commit; then `./dev up`, `./dev up` again, a tenant and a running guest by
# `phoenix ctl`, and `./dev down`, each timed. It runs in mount, pid and ipc namespaces of its own with a small /dev and
# a /dev/shm of 64 MB, as a container would have it: whatever happens, no process, mount or folder stays behind.
#
# With 12 GB of memory free the system is made in memory, else below /var/tmp (4 GB).
#
# Needs root, debootstrap and the registries. PLAIN_DEBIAN_USER=name gives the commands to an ordinary user with sudo
# instead of root. PLAIN_DEBIAN_CACHE=folder keeps downloaded packages between runs. PLAIN_DEBIAN_CCACHE=folder gives it
# a copy of a ccache; the first figure then says nothing about a cold build.
set -euo pipefail

root=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)
say() { printf 'plain-debian: %s\n' "$*"; }
die() { printf 'plain-debian: %s\n' "$*" >&2; exit 1; }

# --- outside: a folder, namespaces, and nothing left of either ----------------------------------------------------------
if [ -z "${PLAIN_DEBIAN_INSIDE:-}" ]; then
  [ "$(id -u)" = 0 ] || die "chroot and namespaces need root"
  command -v debootstrap >/dev/null || die "debootstrap is missing: apt-get install debootstrap"
  commit=$(git -C "$root" rev-parse --verify "${1:-HEAD}^{commit}")
  work=$(mktemp -d /var/tmp/plain-debian-XXXXXX)
  inside=
  # Its first process ends with unshare, and everything else in the namespace with that one.
  clear_away() { [ -z "$inside" ] || { kill -KILL "$inside"; wait "$inside"; } 2>/dev/null || :; rm -rf --one-file-system -- "$work"; }
  trap clear_away EXIT
  trap 'exit 1' INT TERM HUP
  chmod 755 "$work"
  # Mirrors as apt itself understands its configuration, whatever the format of the files.
  apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 'Origin: Debian' |
    grep ' bookworm' | sort -u >"$work/sources.list" || :
  grep -q ' bookworm main$' "$work/sources.list" || die "apt knows no mirror of bookworm here; run: apt-get update"
  apt-config dump | grep -E '^Acquire::(https?|ftp|Retries|Check-)' >"$work/apt.conf" || :
  status=0
  PLAIN_DEBIAN_INSIDE=$work PLAIN_DEBIAN_COMMIT=$commit \
    unshare --mount --pid --ipc --fork --kill-child --propagation private -- "$root/tests/plain-debian.sh" &
  inside=$!
  wait "$inside" || status=$?
  inside=
  exit $status
fi

# --- inside the namespaces ----------------------------------------------------------------------------------------------
work=$PLAIN_DEBIAN_INSIDE
system=$work/system
mount -t proc proc /proc
mkdir "$system"
if [ "$(sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo)" -gt $((12 << 20)) ]; then
  mount -t tmpfs -o mode=755,size=10g tmpfs "$system"
fi
user=${PLAIN_DEBIAN_USER:-root}
if [ "$user" = root ]; then home=/root data=/var/lib/phoenix-dev; else home=/home/$user data=$home/.local/share/phoenix-dev; fi
figures=()

# timed NAME COMMAND…: runs it and keeps how long it took. A failure ends the run, here or anywhere in the command.
step=
trap '[ $? = 0 ] || say "FAILED: $step"' EXIT
timed() {
  local start=$EPOCHREALTIME took
  step=$1; shift
  say "$step"
  "$@"
  took=$(((${EPOCHREALTIME/./} - ${start/./}) / 1000))
  figures+=("$(printf '%6d.%d s  %s' $((took / 1000)) $((took % 1000 / 100)) "$step")")
}

# in_debian COMMAND: as the newcomer, in the checkout.
in_debian() {
  local pass=() name
  # ccache takes the language of the messages into account.
  [ -z "${PLAIN_DEBIAN_CCACHE:-}" ] || pass=("LANG=${LANG:-}")
  for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY NODE_EXTRA_CA_CERTS; do
    [ -z "${!name:-}" ] || pass+=("$name=${!name}")
  done
  chroot --userspec="$user" "$system" /usr/bin/env -i HOME=$home USER=$user PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb \
    ${pass[@]+"${pass[@]}"} ${address:+PHOENIX_LISTEN=$address} /bin/bash -c "cd '$root' && $1"
}

bootstrap() {
  local mirror cache=()
  mirror=$(sed -n 's/^deb \(.*\) bookworm main$/\1/p' "$work/sources.list" | head -n 1)
  if [ -n "${PLAIN_DEBIAN_CACHE:-}" ]; then
    mkdir -p "$PLAIN_DEBIAN_CACHE/apt"
    cache=(--cache-dir "$(cd "$PLAIN_DEBIAN_CACHE/apt" && pwd)")
  fi
  debootstrap --variant=minbase ${cache[@]+"${cache[@]}"} bookworm "$system" "$mirror" >"$work/debootstrap.log" ||
    { tail -n 20 "$work/debootstrap.log" >&2; return 1; }
}

furnish() {
  cp "$work/sources.list" "$system/etc/apt/sources.list"
  cp "$work/apt.conf" "$system/etc/apt/apt.conf.d/99machine"
  cp /etc/resolv.conf "$system/etc/resolv.conf"
  cp /etc/hosts "$system/etc/hosts"
  if [ "$user" != root ]; then
    chroot "$system" sh -c "apt-get update -qq && apt-get install -y -qq --no-install-recommends sudo" >/dev/null 2>&1
    chroot "$system" useradd --create-home --shell /bin/bash "$user"
    echo "$user ALL=(ALL) NOPASSWD: ALL" >"$system/etc/sudoers.d/newcomer"
  fi
  [ ! -f "$HOME/.npmrc" ] || cp "$HOME/.npmrc" "$system$home/.npmrc"
  # Taken into the trust store when ca-certificates is installed.
  mkdir -p "$system/usr/local/share/ca-certificates"
  find /usr/local/share/ca-certificates -name '*.crt' -exec cp {} "$system/usr/local/share/ca-certificates/" \;

  mount -t proc proc "$system/proc"
  mount --bind /sys "$system/sys"
  mount -o remount,bind,ro "$system/sys"
  mount -t tmpfs -o mode=755 tmpfs "$system/dev"
  local node
  for node in null zero full random urandom tty; do touch "$system/dev/$node"; mount --bind "/dev/$node" "$system/dev/$node"; done
  mkdir "$system/dev/pts" "$system/dev/shm"
  mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$system/dev/pts"
  mount -t tmpfs -o mode=1777,size=64m tmpfs "$system/dev/shm"
  ln -s pts/ptmx "$system/dev/ptmx"
  ln -s /proc/self/fd "$system/dev/fd"
  ln -s fd/0 "$system/dev/stdin"; ln -s fd/1 "$system/dev/stdout"; ln -s fd/2 "$system/dev/stderr"

  if [ -n "${PLAIN_DEBIAN_CACHE:-}" ]; then
    mount --bind "$PLAIN_DEBIAN_CACHE/apt" "$system/var/cache/apt/archives"
  fi
  if [ -n "${PLAIN_DEBIAN_CCACHE:-}" ]; then
    mkdir -p "$system$home/.cache"
    cp -R "$PLAIN_DEBIAN_CCACHE" "$system$home/.cache/ccache"
  fi
  # At the path it has here, so that the ccache fits.
  mkdir -p "$system$root"
  git -C "$root" archive "$PLAIN_DEBIAN_COMMIT" | tar -x -C "$system$root"
  [ "$user" = root ] || chroot "$system" chown -R "$user:$user" "$home" "$root"
}

# A port that is free now: other servers may run on this machine, and the network is shared with it.
free_port() {
  local port
  while port=$((20000 + RANDOM % 10000)); (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
  echo "$port"
}

ctl="build/phoenix ctl --data $data"

portal_answers() {
  in_debian "exec 3<>/dev/tcp/${address/://} && printf 'GET / HTTP/1.1\r\nHost: $address\r\nConnection: close\r\n\r\n' >&3 && cat <&3" >"$work/portal"
  head -n 1 "$work/portal" | grep ' 200 '
  grep -q '<div id=' "$work/portal"
}

guest_runs() {
  in_debian "$ctl tenant create acme >/dev/null && $ctl --tenant acme vm create web-1 --image micro --wait" >"$work/vm"
  grep -E '^(name|state|bootedAt): ' "$work/vm"
  grep -qx 'state: RUNNING' "$work/vm"
}

nothing_left() {
  local left
  left=$(cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' '\n' | grep -E '(^|/)(phoenix|postgres|qemu-system-x86_64)$' || :)
  [ -z "$left" ] || { printf '%s\n' "$left" >&2; return 1; }
}

timed "debootstrap" bootstrap
address=127.0.0.1:$(free_port)
timed "mirrors, certificates and the commit copied in" furnish
timed "./dev up (everything installed and built)" in_debian ./dev\ up
timed "the portal answers" portal_answers
timed "./dev up again" in_debian ./dev\ up
timed "phoenix ctl: tenant create, vm create --wait" guest_runs
timed "./dev down" in_debian ./dev\ down
timed "no process is left" nothing_left
timed "./dev up on the same data" in_debian ./dev\ up
timed "./dev reset" in_debian ./dev\ reset
timed "no process is left" nothing_left

echo
say "$(git -C "$root" log -1 --format='%h %s' "$PLAIN_DEBIAN_COMMIT") on plain Debian $(cat "$system/etc/debian_version") as $user, $(nproc) processors:"
printf '%s\n' "${figures[@]}"
