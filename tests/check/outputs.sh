#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# What outputs may replace: an empty file, or one that was written here before. Anything else may be
# the memory of a VM, named by mistake, and stays as it is. TAP.
. tests/check/tap

R=$tmp/r.fsr
"$O/tools/mkrec" tests/golden/three-forks.txt "$R" || exit 1
head -c 1M /dev/zero >"$tmp/mem" # as a guest's memory begins
printf '\177ELF memory' >"$tmp/mem2"
printf '{"cpus": {"boot_vcpus": 1}}' >"$tmp/state.json" # as a VMM keeps its state

# stays WHAT COMMAND...: the command is given each of these files, fails, and has left it alone
stays() {
	what=$1
	shift
	for file in mem mem2 state.json r.fsr; do
		cp "$tmp/$file" "$tmp/precious"
		expect 1 'a file of another kind is there' "$what does not replace $file" "$@"
		is '... which is as it was' cmp -s "$tmp/$file" "$tmp/precious"
	done
}
stays 'report --svg' "$F" report --fork 1 --svg "$tmp/precious" "$R"
stays 'diff --svg' "$F" diff --svg "$tmp/precious" "$R" "$R"
stays 'prefetch export' "$F" prefetch export -o "$tmp/precious" --cohort first "$R"
mkdir "$tmp/dir"
ln -s ../precious.svg "$tmp/dir/fork-1.svg"
expect 1 'symbolic link' 'report --svg-dir follows none' "$F" report --svg-dir "$tmp/dir" "$R"
rm "$tmp/dir/fork-1.svg"
cp "$tmp/mem" "$tmp/dir/fork-1.svg"
expect 1 'a file of another kind is there' 'nor does it replace what is no picture' "$F" report --svg-dir "$tmp/dir" "$R"

cp "$tmp/state.json" "$tmp/config.json"
expect 1 "$tmp/config.json: a file of another kind is there" "bench says at once that FILE.json is another's" \
	"$F" bench --vmm attach --no-record -o "$tmp/config" --iters 1 -- true
is '... which is as it was' cmp -s "$tmp/state.json" "$tmp/config.json"

# and what was written before is replaced
: >"$tmp/x.svg"
expect 0 '' 'an empty file is replaced' "$F" report --fork 1 --svg "$tmp/x.svg" "$R"
expect 0 '' 'so is a picture' "$F" report --fork 1 --svg "$tmp/x.svg" "$R"
for format in ranges hpl json; do
	for before in ranges hpl json; do
		"$F" prefetch export --format $before --cohort first -o "$tmp/set" "$R" 2>/dev/null
	done
	expect 3 'did not reach their end' "a working set is, by $format" "$F" prefetch export --format $format --cohort first -o "$tmp/set" "$R"
done

for stream in - /dev/stdout /dev/fd/1; do
	for command in record bench 'prefetch test'; do
		# shellcheck disable=SC2086 # two words
		expect 2 'is a stream, and recordings are files' "$command -o $stream" "$F" $command -o $stream
	done
done
is 'no file of that name' test ! -e ./-
done_testing
