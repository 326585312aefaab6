"""Bytes to and from a target. Knows nothing of what they mean."""

from transports.address import (
    Address,
    BadTarget,
    Gdbsx,
    Program,
    Replay,
    Serial,
    Tcp,
    Unix,
    Xen,
    parse_target,
)
from transports.dom0 import Dom0Programs, Domain, helper_source
from transports.drain import Drain
from transports.endpoint import Endpoint, open_endpoint
from transports.errors import (
    CannotInterrupt,
    CannotListen,
    CannotOpen,
    CannotRecord,
    HelperFailed,
    PeerDied,
    TransportFailure,
)
from transports.files import open_regular
from transports.kvm_run import LocalKvmRun, RemoteKvmRun, stub_socket
from transports.listener import open_listener, parse_listen
from transports.log_pipe import LogPipe, killed_logs
from transports.plugin_build import plugin_for
from transports.plugin_memory import plugin_memory
from transports.qemu import Accelerator, LaunchedQemu, launch_qemu
from transports.recording import Recorder, RecordingStream, open_recorder
from transports.replay import RecordingEnded, ReplayDiverged, ReplayStream
from transports.sockets import shortcut
from transports.transcript import BadTranscript, Header, Note, Transcript, read_transcript

__all__ = [
    "Accelerator",
    "Address",
    "BadTarget",
    "BadTranscript",
    "CannotInterrupt",
    "CannotListen",
    "CannotOpen",
    "CannotRecord",
    "Dom0Programs",
    "Domain",
    "Drain",
    "Endpoint",
    "Gdbsx",
    "Header",
    "HelperFailed",
    "LaunchedQemu",
    "LocalKvmRun",
    "LogPipe",
    "Note",
    "PeerDied",
    "Program",
    "Recorder",
    "RecordingEnded",
    "RecordingStream",
    "RemoteKvmRun",
    "Replay",
    "ReplayDiverged",
    "ReplayStream",
    "Serial",
    "Tcp",
    "Transcript",
    "TransportFailure",
    "Unix",
    "Xen",
    "helper_source",
    "killed_logs",
    "launch_qemu",
    "open_endpoint",
    "open_listener",
    "open_recorder",
    "open_regular",
    "parse_listen",
    "parse_target",
    "plugin_for",
    "plugin_memory",
    "read_transcript",
    "shortcut",
    "stub_socket",
]
