"""Refuses system calls by a seccomp filter, for x86-64 and 64-bit Arm.

Namespaces hide files, processes and networks. The filter refuses rarely used parts of the kernel (tracing, mounting, namespaces, BPF, io_uring, keys, modules), memory that no limit includes
(``memfd``, System V segments, message queues), and sockets other than Unix and IP (vsock, netlink, packet,
crypto). A refused call gives EPERM; a call under another machine's numbering kills.

Numbers are those of asm/unistd_64.h and asm-generic/unistd.h; the program is a classic BPF one
(linux/filter.h, linux/seccomp.h).
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct

from gapbench.sandbox.guest.namespaces import check_result, libc

ALLOW, KILL, FAIL = 0x7FFF0000, 0x80000000, 0x00050000
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER, MACHINE, FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data; the low half of an argument
X32 = 0x40000000
NEW_NAMESPACES = 0x7E020080  # every CLONE_NEW*
ALLOWED_SOCKET_FAMILIES = (1, 2, 10)  # AF_UNIX, AF_INET, AF_INET6
PR_SET_SECCOMP, MODE_FILTER = 22, 2

# name: (x86-64, Arm); None: the machine does not have this call
REFUSED_SYSCALLS: dict[str, tuple[int | None, int | None]] = {
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "kcmp": (312, 272), "pidfd_getfd": (438, 438), "process_madvise": (440, 440),
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "shmget": (29, 194), "shmat": (30, 196),
    "shmctl": (31, 195), "semget": (64, 190), "msgget": (68, 186), "mq_open": (240, 180),
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51),
    "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431),
    "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442), "swapon": (167, 224),
    "swapoff": (168, 225), "quotactl": (179, 60), "acct": (163, 89), "unshare": (272, 97), "setns": (308, 268),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219), "kexec_load": (246, 104),
    "kexec_file_load": (320, 294), "init_module": (175, 105), "finit_module": (313, 273),
    "delete_module": (176, 106), "personality": (135, 92), "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264), "reboot": (169, 142), "syslog": (103, 116), "settimeofday": (164, 170),
    "clock_settime": (227, 112), "clock_adjtime": (305, 266), "adjtimex": (159, 171),
    "lookup_dcookie": (212, 18), "iopl": (172, None), "ioperm": (173, None), "modify_ldt": (154, None),
}  # fmt: skip
# machine: (its number in linux/audit.h, column of REFUSED, clone, clone3, socket)
MACHINES = {"x86_64": (0xC000003E, 0, 56, 435, 41), "aarch64": (0xC00000B7, 1, 220, 435, 198)}


class _FilterProgram(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def build_filter(machine: str) -> list[tuple[int, int, int, int]]:
    """Return the filter for one machine as (code, jump if true, jump if false, constant)."""
    number, column, clone, clone3, socket = MACHINES[machine]
    fail = FAIL | errno.EPERM
    lines = [(LOAD, 0, 0, MACHINE), (EQUAL, 1, 0, number), (RETURN, 0, 0, KILL), (LOAD, 0, 0, NUMBER)]
    if machine == "x86_64":
        lines += [(AT_LEAST, 0, 1, X32), (RETURN, 0, 0, KILL)]
    for numbers in REFUSED_SYSCALLS.values():
        refused = numbers[column]
        if refused is not None:
            lines += [(EQUAL, 0, 1, refused), (RETURN, 0, 0, fail)]
    # The flags of clone3 are in memory, which a filter cannot read. ENOSYS makes libc use clone instead.
    lines += [(EQUAL, 0, 1, clone3), (RETURN, 0, 0, FAIL | errno.ENOSYS)]
    lines += [(EQUAL, 0, 4, clone), (LOAD, 0, 0, FIRST_ARGUMENT), (ANY_BIT, 0, 1, NEW_NAMESPACES)]
    lines += [(RETURN, 0, 0, fail), (RETURN, 0, 0, ALLOW)]
    lines += [(EQUAL, 0, 2 + len(ALLOWED_SOCKET_FAMILIES), socket), (LOAD, 0, 0, FIRST_ARGUMENT)]
    lines += [
        (EQUAL, len(ALLOWED_SOCKET_FAMILIES) - at, 0, family)
        for at, family in enumerate(ALLOWED_SOCKET_FAMILIES)
    ]
    return [*lines, (RETURN, 0, 0, fail), (RETURN, 0, 0, ALLOW)]


def install_filter() -> None:
    """Install the filter for this process and its children, irreversibly, after privileges were dropped.

    On other machines there is no filter; everything else still applies.
    """
    machine = platform.machine()
    if machine not in MACHINES:
        return
    lines = build_filter(machine)
    packed = b"".join(struct.pack("=HBBI", *line) for line in lines)
    program = _FilterProgram(len(lines), packed)
    zero = ctypes.c_ulong(0)
    result = libc.prctl(PR_SET_SECCOMP, ctypes.c_ulong(MODE_FILTER), ctypes.byref(program), zero, zero)
    check_result(result, "prctl seccomp")
