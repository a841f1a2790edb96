#!/bin/bash
# Builds the catalogue image "micro": Debian's cloud kernel and a RAM disk of busybox, about 10 MB together.
# It boots in seconds, has a login on the serial console, takes its name and keys from a NoCloud seed disk, keeps
# /data on its virtio disk and powers off when the ACPI button is pressed.
#
#   tools/image/build-micro.sh OUT [--refresh]
#
# OUT gets kernel, initrd and manifest.json (with sha256 of both). Nothing is installed: packages are downloaded with
# apt-get and unpacked. A second run with nothing changed ends at once; --refresh looks for a newer kernel.
# Needs: apt (with its lists), dpkg-deb, gzip. No root.
set -euo pipefail

out=${1:?usage: build-micro.sh OUT [--refresh]}
refresh=${2:-}
here=$(cd "$(dirname "$0")" && pwd)
say() { printf 'micro: %s\n' "$*"; }
fail() { printf 'micro: %s\n' "$*" >&2; exit 1; }
digest() { sha256sum "$1" | cut -d' ' -f1; }

mkdir -p "$out"
out=$(cd "$out" && pwd)
exec 9>"$out/.lock"
flock 9
recipe=$(cat "$here/build-micro.sh" $(find "$here/micro" -type f | LC_ALL=C sort) | sha256sum | cut -d' ' -f1)

field() { sed -n "s/^ *\"$1\": \"\([^\"]*\)\".*/\1/p" "$out/manifest.json"; }
if [[ -z $refresh && -f $out/manifest.json && -f $out/kernel && -f $out/initrd ]] &&
   [[ $(field recipe) == "$recipe" && $(field kernel_sha256) == "$(digest "$out/kernel")" &&
      $(field initrd_sha256) == "$(digest "$out/initrd")" ]]; then
  say "up to date (kernel $(field kernel_version))"
  exit 0
fi

rm -rf "$out"/.work.*  # left by a run that was killed
work=$(mktemp -d "$out/.work.XXXXXX")
trap 'rm -rf "$work"' EXIT
cache=$out/.packages
mkdir -p "$cache"

# fetch NAME: the package file of the version apt would install, downloaded once.
fetch() {
  local name=$1 version file
  version=$(apt-cache policy "$name" 2>/dev/null | sed -n 's/^ *Candidate: //p')
  [[ -n $version && $version != '(none)' ]] || fail "apt does not know the package $name; run: apt-get update"
  file=$cache/${name}_${version//:/%3a}_amd64.deb
  if [[ ! -f $file ]]; then
    say "downloading $name $version" >&2
    (cd "$work" && apt-get -qq -o APT::Sandbox::User=root download "$name=$version") ||
      fail "cannot download $name $version"
    rm -f "$cache/${name}"_*.deb
    mv "$work/$(basename "$file")" "$file"
  fi
  printf '%s' "$file"
}

kernel_package=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' |
                 head -1)
[[ -n $kernel_package ]] || fail "apt does not know linux-image-cloud-amd64; run: apt-get update"
version=${kernel_package#linux-image-}
kernel_file=$(fetch "$kernel_package")
busybox_file=$(fetch busybox-static)

say "unpacking kernel $version"
dpkg-deb --fsys-tarfile "$kernel_file" | tar -x -C "$work" --wildcards \
  './boot/vmlinuz-*' './lib/modules/*/kernel/drivers/*' './lib/modules/*/kernel/fs/isofs/*' \
  './lib/modules/*/kernel/net/core/*' './lib/modules/*/kernel/lib/*' 2>/dev/null || true
[[ -f $work/boot/vmlinuz-$version ]] || fail "$kernel_package holds no kernel"
dpkg-deb --fsys-tarfile "$busybox_file" | tar -x -C "$work" ./bin/busybox
busybox=$work/bin/busybox

root=$work/root
mkdir -p "$root"/{bin,sbin,usr/bin,usr/sbin,etc,proc,sys,dev,run,tmp,root,data,lib/modules,mnt/seed}
cp -R "$here/micro/." "$root/"
chmod 0755 "$root"/init "$root"/etc/{rcS,rcK,udhcpc.script} "$root"/etc/acpi/PWRF/00000080
chmod 0700 "$root/root"
chmod 1777 "$root/tmp"
cp "$busybox" "$root/bin/busybox"
for applet in $("$busybox" --list-full); do
  [[ $applet == bin/busybox ]] || ln -sf /bin/busybox "$root/$applet"
done

# The order in which the guest loads its modules: each after those it names as needed.
say "collecting modules"
modules=$work/lib/modules/$version/kernel
declare -A done_modules=()
add_module() {
  local name=${1//-/_} path dependency
  [[ -z ${done_modules[$name]:-} ]] || return 0
  done_modules[$name]=1
  path=$(find "$modules" \( -name "$name.ko" -o -name "${name//_/-}.ko" \) | head -1)
  [[ -n $path ]] || fail "the kernel package holds no module $name"
  for dependency in $(tr '\0' '\n' <"$path" | sed -n 's/^depends=//p' | tr ',' ' '); do add_module "$dependency"; done
  cp "$path" "$root/lib/modules/$name.ko"
  printf '%s.ko\n' "$name" >>"$root/lib/modules/order"
}
for module in virtio_pci virtio_blk virtio_net virtio_rng virtio_console virtio_balloon button evdev isofs pvpanic_pci; do
  add_module "$module"
done

say "packing"
find "$root" -exec touch -h -d @0 {} +
(cd "$root" && find . | LC_ALL=C sort | "$busybox" cpio -o -H newc -R 0:0 --ignore-devno --renumber-inodes 2>/dev/null) | gzip -9n >"$work/initrd"
cp "$work/boot/vmlinuz-$version" "$work/kernel"
cat >"$work/manifest.json" <<JSON
{
  "name": "micro",
  "kernel_version": "$version",
  "kernel_package": "$(basename "$kernel_file")",
  "busybox_package": "$(basename "$busybox_file")",
  "kernel_sha256": "$(digest "$work/kernel")",
  "initrd_sha256": "$(digest "$work/initrd")",
  "recipe": "$recipe"
}
JSON
chmod 0644 "$work"/{kernel,initrd,manifest.json}
# New files take the old ones' place whole, so that running guests keep what they were started from.
mv "$work/kernel" "$out/kernel"
mv "$work/initrd" "$out/initrd"
mv "$work/manifest.json" "$out/manifest.json"
say "ready: kernel $(stat -c %s "$out/kernel") bytes, initrd $(stat -c %s "$out/initrd") bytes"
