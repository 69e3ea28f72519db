"""A real Slurm on this machine: a controller and two nodes of two fake GPUs each, on loopback, without systemd.

    python tests/slurm/cluster.py up FOLDER      starts it, and prints what to put into the environment
    python tests/slurm/cluster.py down FOLDER    ends what it started, by the pids it wrote

Needs root and Debian's slurmctld, slurmd, slurm-client and munge. Nothing is written outside FOLDER: SLURM_CONF names
the configuration. The one program that would miss it is srun, since the executor's job steps drop every SLURM_
variable, so FOLDER/bin/srun puts it back.
"""

import contextlib
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

PACKAGES = ("slurmctld", "slurmd", "slurm-client", "munge")
PROGRAMS = ("slurmctld", "slurmd", "srun", "sbatch", "scontrol", "squeue", "scancel", "munged")
NODES, GPUS, KIND = ("n1", "n2"), 2, "fake"

CONFIG = """\
ClusterName=knowcost
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0,sched_min_interval=0
GresTypes=gpu
MinJobAge=600
ReturnToService=2
KillWait=2
SlurmdParameters=config_overrides
{nodes}
PartitionName=cpu Nodes=n1,n2 Default=YES DefMemPerNode=1000
PartitionName=gpu Nodes=n1,n2 DefMemPerNode=1000
"""
NODE = "NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=16 RealMemory=64000 Gres=gpu:{gpus}"


class Cluster:
    """See above. `environment` holds the variables with which Slurm's programs find this cluster."""

    def __init__(self, folder):
        self.folder = Path(folder).resolve()
        path = f"{self.folder}/bin{os.pathsep}{os.environ['PATH']}"
        self.environment = {"SLURM_CONF": f"{self.folder}/slurm.conf", "PATH": path}

    def start(self):
        """Bring everything up and wait until both nodes are idle. Raises RuntimeError with the logs if they are not."""
        self._write()
        key, socket_file = self.folder / "munge.key", self.folder / "munge.sock"
        pid_file, log = self.folder / "munged.pid", self.folder / "munged.log"
        self._run("munged", "--force", f"--key-file={key}", f"--socket={socket_file}", f"--pid-file={pid_file}",
                  f"--log-file={log}", f"--seed-file={self.folder}/munge.seed")  # fmt: skip
        self._run("slurmctld", "-c")
        for name in NODES:
            self.start_node(name)
        self.wait("both nodes idle", lambda: self.states() == {"idle"}, seconds=30)

    def start_node(self, name):
        self._run("slurmd", "-N", name)

    def kill_node(self, name):
        """Let a node die under its jobs: its daemon and all their processes; then the controller hears of it."""
        jobs = self.run("squeue", "--nodelist", name, "--noheader", "--format=%i").split()
        for pid in [self.pid(name), *(pid for job in jobs for pid in processes(job))]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.run("scontrol", "update", f"nodename={name}", "state=down", "reason=dead")

    def stop(self):
        """End what was started: jobs first, then the daemons by their pid files. Nothing is left running."""
        with contextlib.suppress(subprocess.SubprocessError, RuntimeError):
            self.run("scancel", "--user=root", timeout=10)
            self.wait("no job is left", lambda: not self.run("squeue", "--noheader"), seconds=10)
        pids = [self.pid(name) for name in ("slurmctld", *NODES, "munged")]
        for number, patience in ((signal.SIGTERM, 10), (signal.SIGKILL, 5)):
            running = [pid for pid in pids if pid and self.is_ours(pid)]
            for pid in running:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            end_of_patience = time.monotonic() + patience
            while any(map(self.is_ours, running)) and time.monotonic() < end_of_patience:
                time.sleep(0.05)

    def pid(self, name):
        """Of a daemon: slurmctld, munged or a node's name; None where it has not started."""
        file = self.folder / f"{name}.pid"
        return int(file.read_text()) if file.exists() else None

    def is_ours(self, pid):
        """Whether a process is one of this cluster, and no later one that was given the same number."""
        try:
            return f"SLURM_CONF={self.folder}/".encode() in Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            return False

    def run(self, *command, timeout=30):
        """Standard output of one of Slurm's programs."""
        done = subprocess.run(
            command, env=os.environ | self.environment, capture_output=True, text=True, timeout=timeout, check=True
        )
        return done.stdout

    def states(self):
        """All states that a node is in."""
        return set(self.run("sinfo", "--Node", "--noheader", "--format=%t").split())

    def jobs(self, **fields):
        """Every job that Slurm remembers, oldest first: {name: what squeue's letter says} for each name=letter."""
        form = "|".join(f"%{letter}" for letter in fields.values())
        lines = self.run("squeue", "--states=all", "--noheader", "--sort=i", f"--format={form}").splitlines()
        return [dict(zip(fields, line.split("|"), strict=True)) for line in lines]

    def wait(self, what, condition, seconds):
        """Until condition() is true. Raises RuntimeError, with the ends of the logs, when it never is."""
        end_of_patience = time.monotonic() + seconds
        while time.monotonic() < end_of_patience:
            with contextlib.suppress(subprocess.SubprocessError):
                if condition():
                    return
            time.sleep(0.1)
        logs = "\n".join(f"{p.name}:\n{p.read_text(errors='replace')[-1500:]}" for p in self.folder.glob("*.log"))
        raise RuntimeError(f"waited {seconds} s in vain for: {what}\n{logs}")

    def _run(self, program, *options):
        done = subprocess.run(
            [find(program), *options], env=os.environ | self.environment, capture_output=True, text=True, timeout=30
        )
        if done.returncode:
            raise RuntimeError(f"{program} does not start: {done.stdout}{done.stderr}")

    def _write(self):
        for name in ("state", "bin", *NODES):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)  # munged refuses a socket in a folder that others cannot enter
        host = socket.gethostname().split(".")[0]
        ports = free_ports(1 + len(NODES))
        nodes = [
            NODE.format(name=n, host=host, port=p, gpus=f"{KIND}:{GPUS}") for n, p in zip(NODES, ports[1:], strict=True)
        ]
        text = CONFIG.format(host=host, port=ports[0], folder=self.folder, nodes="\n".join(nodes))
        (self.folder / "slurm.conf").write_text(text)
        gpus = []
        for number in range(GPUS):
            device = self.folder / f"fakegpu{number}"
            if not device.exists():
                os.mknod(device, stat.S_IFCHR | 0o666, os.makedev(1, 3))  # another /dev/null
            gpus += [f"NodeName={name} Name=gpu Type={KIND} File={device}" for name in NODES]
        (self.folder / "gres.conf").write_text("\n".join(gpus) + "\n")
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o600)
        shim = self.folder / "bin" / "srun"
        shim.write_text(f'#!/bin/sh\nSLURM_CONF="{self.folder}/slurm.conf" exec {find("srun")} "$@"\n')
        shim.chmod(0o755)


def find(program):
    """The path of one of Slurm's programs; its daemons may lie outside PATH. None where it is not installed."""
    return shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin")


def free_ports(count):
    """Ports of loopback that nobody listens on now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def processes(job):
    """The pids of a Slurm job: what it runs, found by its environment, and the daemons that hold its steps."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended
            step = folder.joinpath("cmdline").read_bytes().startswith(b"slurmstepd: [%s." % job.encode())
            variables = folder.joinpath("environ").read_bytes().split(b"\0")
            if step or b"SLURM_JOB_ID=%s" % job.encode() in variables:
                found.append(int(folder.name))
    return found


def main():
    what, folder = sys.argv[1:]
    cluster = Cluster(folder)
    if what == "down":
        return cluster.stop()
    cluster.start()
    print("\n".join(f'export {name}="{value}"' for name, value in cluster.environment.items()))


if __name__ == "__main__":
    main()
