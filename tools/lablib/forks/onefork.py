# SPDX-License-Identifier: BSD-2-Clause
"""One fork from its network to its end, with the times of its milestones (CLOCK_MONOTONIC, ns)."""

import os
import shutil
import subprocess
import time

from ..proc import die_with_parent
from ..say import LabError, Waiting
from . import acks, kvmstat, mailbox, netns, pagecache

HOOK_SECONDS = 120
UFFD_SECONDS = 120


def _now():
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)


def _start_ticks(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as handle:
        return int(handle.read().rpartition(")")[2].split()[19])


class OneFork:
    def __init__(self, series, number):
        self.series, self.number = series, number
        self.arguments = series.arguments
        self.folder = series.place.scratch / "forks" / str(number)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.network = netns.Namespace(f"fs-{number}")
        self.waiter = acks.Waiter(self.network.udp(mailbox.ACK_PORT), self._last_stage())
        self.vmm = self.handler = self.statistics = self.hook_log = self.handler_log = None
        self.times, self.tids, self.resident = {}, [], {}
        self.timed_out, self.ticks, self.hook_status, self.died = False, None, None, None

    def _last_stage(self):
        return "touched" if "ack=1" in self.arguments.workload else "applied"

    def _mark(self, name):
        self.times[name] = _now()

    def _beside(self, name):
        """A file next to the recording, of this fork."""
        folder = self.series.out.with_name(self.series.out.stem + ".forks")
        folder.mkdir(exist_ok=True)
        return folder / f"{self.number}.{name}"

    def start(self):
        """Starts the VMM (and the Uffd handler)."""
        self.resident["before_spawn"] = pagecache.resident(self.series.memfile)
        socket = self._start_handler() if self.arguments.uffd else None
        self._mark("spawn_ns")
        self.vmm = self.series.driver.Fork(
            self.series.spec,
            self.series.template,
            self.series.memfile,
            self.folder,
            self.network,
            socket,
        )
        self._mark("spawned_ns")
        self.ticks = _start_ticks(self.vmm.pid)

    def _environment(self):
        return dict(
            os.environ,
            FORK_ID=str(self.number),
            VMM_PID=str(self.vmm.pid if self.vmm else ""),
            VCPU_TIDS=" ".join(map(str, self.tids)),
            MEMFILE=str(self.series.memfile),
            OUT=str(self.series.out.parent),
            NETNS=self.network.name,
        )

    def _start_handler(self):
        path = self.folder / "uffd.sock"
        self.handler_log = self._beside("uffd.log")
        with open(self.handler_log, "wb") as log:
            self.handler = subprocess.Popen(
                [self.arguments.uffd, str(path), str(self.series.memfile)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,  # pylint: disable=consider-using-with
                env=self._environment(),
                preexec_fn=die_with_parent,
            )
        waiting = Waiting(f"the Uffd handler of fork {self.number}")
        while not path.exists():
            waiting.look()
            if self.handler.poll() is not None or waiting.seconds() > UFFD_SECONDS:
                raise LabError(
                    f"fork {self.number}: the Uffd handler {self.arguments.uffd} did not listen "
                    f"on {path}: "
                    + (
                        f"it ended with status {self.handler.returncode}"
                        if self.handler.poll() is not None
                        else f"not within {UFFD_SECONDS} s"
                    )
                    + f"; its words are in {self.handler_log}"
                )
            time.sleep(0.01)
        return path

    def run_hook(self):
        self.resident["before_resume"] = pagecache.resident(self.series.memfile)
        if not self.arguments.hook:
            return
        self.hook_log = self._beside("hook.log")
        self._mark("hook_start_ns")
        with open(self.hook_log, "wb") as log:
            try:
                done = subprocess.run(
                    [self.arguments.hook],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=self._environment(),
                    timeout=HOOK_SECONDS,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                raise LabError(
                    f"fork {self.number}: the hook {self.arguments.hook} did not end within "
                    f"{HOOK_SECONDS} s; "
                    "what is to go on in parallel with the fork must be put in the background, "
                    "with its output closed"
                ) from None
        self._mark("hook_end_ns")
        self.hook_status = done.returncode
        if done.returncode != 0:
            raise LabError(
                f"fork {self.number}: the hook {self.arguments.hook} ended with status "
                f"{done.returncode}; its words are in {self.hook_log}"
            )

    def load(self):
        """Loads without resuming, and pins."""
        self._mark("load_start_ns")
        self.vmm.load(False)
        self._mark("load_end_ns")
        self._find_vcpus()

    def _find_vcpus(self):
        self.tids = self.vmm.vcpu_tids()
        if self.arguments.pin is not None:
            for tid in self.tids:
                os.sched_setaffinity(tid, {self.arguments.pin})

    def load_and_resume(self):
        self._mark("load_start_ns")
        self.times["resume_ns"] = self.times["load_start_ns"]
        self.vmm.load(True)
        self._mark("load_end_ns")
        self.times["resumed_ns"] = self.times["load_end_ns"]
        self._find_vcpus()

    def resume(self):
        self._mark("resume_ns")
        self.vmm.resume()
        self._mark("resumed_ns")

    def _await_acks(self):
        """Until the last ack, the time limit, or the end of the VMM."""
        until = self.times["resume_ns"] / 1e9 + self.arguments.fork_timeout
        waiting = Waiting(f"the last ack of fork {self.number}")
        while not self.waiter.wait(0.05):
            waiting.look(f"; {len(self.waiter.acks)} acks have come")
            self.died = self.vmm.process.poll()
            if self.died is not None:
                return
            if time.monotonic() > until:
                self.timed_out = True
                return

    def wait(self):
        """Waits for the acks, lets the fork go on a little, then stops it and reads KVM's
        statistics."""
        self._await_acks()
        self._mark("wait_end_ns")
        if self.died is None:
            time.sleep(self.arguments.linger)
            try:
                self.vmm.pause()
            except LabError:
                self.died = self.vmm.process.poll()
                if self.died is None:
                    raise
        self._mark("paused_ns")
        if self.died is None:
            self.statistics = kvmstat.read(self.vmm.pid)

    def _keep_words(self):
        """The guest's console; of a VMM that ended by itself also what it said, where that is
        apart."""
        if self.vmm.console.exists():
            shutil.copy(self.vmm.console, self._beside("console"))
        if self.died is not None and getattr(self.vmm, "log", None):
            shutil.copy(self.vmm.log, self._beside("vmm.log"))

    def end(self):
        if self.vmm:
            self.vmm.kill()
            self._mark("end_ns")
            self._keep_words()
        if self.handler and self.handler.poll() is None:
            self.handler.terminate()
            try:
                self.handler.wait(5)
            except subprocess.TimeoutExpired:
                self.handler.kill()
                self.handler.wait()
        self.waiter.close()
        self.network.remove()
        shutil.rmtree(self.folder, ignore_errors=True)

    def line(self):
        since = self.times.get("resume_ns", 0)
        seen = (
            ", ".join(
                f"{ack['stage']} {(ack['at_ns'] - since) / 1e6:.0f} ms" for ack in self.waiter.acks
            )
            or "no acks"
        )
        load = (self.times["load_end_ns"] - self.times["load_start_ns"]) / 1e6
        return f"fork {self.number}: load {load:.0f} ms, after resume: {seen}" + (
            " (timed out)"
            if self.timed_out
            else f" (its VMM ended with status {self.died})" if self.died is not None else ""
        )

    def result(self):
        root = self.series.out.parent
        return {
            "id": self.number,
            "vmm": self.arguments.vmm,
            "pid": self.vmm.pid,
            "start_ticks": self.ticks,
            "vcpu_tids": self.tids,
            "netns": self.network.name,
            "pinned_cpu": self.arguments.pin,
            **self.times,
            "acks": self.waiter.acks,
            "timed_out": self.timed_out,
            "vmm_status": self.died,
            "memfile_resident_bytes": self.resident,
            "hook_log": str(self.hook_log.relative_to(root)) if self.hook_log else None,
            "uffd_log": str(self.handler_log.relative_to(root)) if self.handler_log else None,
            "kvm": self.statistics,
        }
