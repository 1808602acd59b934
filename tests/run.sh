#!/bin/bash
# Installs what is missing (as root), builds, and runs every test: lint, unit tests with and without sanitizers, fuzz
# corpora, integration tests against real servers. The last line is "N passed, N failed[, N skipped]".
# Usage: tests/run.sh [NAME-PART ...]   only integration scripts whose name contains one of the parts
# Environment: SP_BUILD_ROOT (build directories, default ./build), JOBS (default: number of cores)
set -u
unset CDPATH
umask 022
export LC_ALL=C.UTF-8
top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top" || exit 1
root=${SP_BUILD_ROOT:-$top/build}
jobs=${JOBS:-$(nproc)}
tools="tests/support/issue-cert tests/support/hostile"
passed=0 failed=0 skipped=0
started=$(date +%s)

if [ "$(id -u)" -ne 0 ]; then
    echo "tests/run.sh: run this as root: it starts gateways that drop privileges, an sshd, and servers of other users" >&2
    exit 1
fi

say() { printf '%s\n' "$*"; }
head1() { say "== $* ($(($(date +%s) - started)) s)"; }
bad() {
    say "not ok - $*"
    failed=$((failed + 1))
}
finish() {
    say "== done ($(($(date +%s) - started)) s)"
    line="$passed passed, $failed failed"
    [ "$skipped" -eq 0 ] || line="$line, $skipped skipped"
    # A test that could not run is a failure where everything is supposed to be there.
    if [ "$skipped" -gt 0 ] && [ -n "${CI:-}" ]; then
        say "skipped tests are failures here"
        line="$passed passed, $((failed + skipped)) failed, $skipped skipped"
        failed=$((failed + skipped))
    fi
    say "$line"
    [ "$failed" -eq 0 ]
    exit
}

# build NAME CONFIGURE-ARGUMENT ...: configures once, makes everything.
build() {
    local name=$1 dir=$root/$1
    shift
    mkdir -p "$dir"
    if [ ! -e "$dir/config.status" ] || [ "$top/configure" -nt "$dir/config.status" ]; then
        (cd "$dir" && "$top/configure" "$@" > configure.out 2>&1) || {
            tail -20 "$dir/configure.out"
            return 1
        }
    fi
    make -C "$dir" -j"$jobs" all > "$dir/make.out" 2>&1 || {
        grep -E '(error|Error|undefined reference)' "$dir/make.out" | head -30
        say "--- last lines of $dir/make.out"
        tail -30 "$dir/make.out"
        return 1
    }
    head1 "built $name"
}

# unit NAME: make check there, counting each test of each program.
unit() {
    local dir=$root/$1 n p f s
    find "$dir/tests" -name '*.trs' -delete 2> /dev/null
    make -C "$dir" -j"$jobs" -k check > "$dir/check.out" 2>&1
    p=$(find "$dir" -name '*.trs' -exec cat {} + | grep -c '^:test-result: PASS')
    f=$(find "$dir" -name '*.trs' -exec cat {} + | grep -cE '^:test-result: (FAIL|ERROR|XPASS)')
    s=$(find "$dir" -name '*.trs' -exec cat {} + | grep -c '^:test-result: SKIP')
    say "$1: $p passed, $f failed, $s skipped (unit tests)"
    if [ "$f" -gt 0 ] || [ "$p" -eq 0 ]; then
        grep -hE '^:test-result: (FAIL|ERROR)' $(find "$dir" -name '*.trs') /dev/null | head -40
        grep -lE '^:test-result: (FAIL|ERROR)' $(find "$dir" -name '*.trs') /dev/null | head -10 |
            while read -r n; do
                say "--- ${n%.trs}.log"
                tail -60 "${n%.trs}.log"
            done
        grep -E 'error:|Error [0-9]' "$dir/check.out" | head -20
    fi
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    [ "$p" -gt 0 ] || bad "$1: no unit test ran"
}

# script FILE: one integration script; its "ok"/"not ok"/"skip" lines count.
script() {
    local out=$root/integration/$(basename "$1").out p f s rc t0
    t0=$(date +%s)
    mkdir -p "$root/integration"
    SP_BUILD=$root/plain SP_BUILD_ATTACK=$root/attack timeout -k 10 900 bash "$1" > "$out" 2>&1 < /dev/null
    rc=$?
    p=$(grep -c '^ok ' "$out")
    f=$(grep -c '^not ok ' "$out")
    s=$(grep -c '^skip ' "$out")
    if [ "$rc" -ne 0 ] && [ "$f" -eq 0 ]; then
        f=1
        say "not ok - $(basename "$1") exited with $rc"
    fi
    [ $((p + f + s)) -gt 0 ] || f=1
    say "$(basename "$1"): $p passed, $f failed, $s skipped ($(($(date +%s) - t0)) s)"
    [ "$s" -eq 0 ] || grep '^skip ' "$out"
    if [ "$f" -gt 0 ]; then
        grep '^not ok ' "$out"
        say "--- last lines of $(basename "$1")"
        tail -60 "$out"
    fi
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

head1 "packages"
share/install-deps.sh test || {
    bad "install-deps"
    finish
}
head1 "build"
tools/regen.sh -u || {
    bad "autoreconf"
    finish
}
build plain --enable-werror || {
    bad "build"
    finish
}
build attack --enable-attack || bad "build --enable-attack"
if [ $# -gt 0 ]; then
    # What the scripts use; a full run builds it with the unit tests.
    make -C "$root/plain" -j"$jobs" $tools > "$root/tools.out" 2>&1 || {
        tail -20 "$root/tools.out"
        bad "build of $tools"
    }
else
    build asan --enable-werror --enable-asan || bad "build --enable-asan"
    head1 "lint"
    if make -C "$root/plain" lint > "$root/lint.out" 2>&1; then
        say "ok - lint"
        passed=$((passed + 1))
    else
        tail -40 "$root/lint.out"
        bad "lint"
    fi
    head1 "unit tests"
    unit plain
    head1 "unit tests with address and undefined behaviour sanitizers"
    unit asan
fi
head1 "integration tests"
for t in tests/integration/[0-9]*.sh; do
    if [ $# -gt 0 ]; then
        hit=
        for part; do case $(basename "$t") in *"$part"*) hit=1 ;; esac; done
        [ -n "$hit" ] || continue
    fi
    script "$t"
done
finish
