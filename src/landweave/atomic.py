"""Write aside, then rename; lock an output folder. The only code that renames."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from landweave.errors import OutputError

_LOCK_NAME = ".landweave.lock"
_ASIDE_SUFFIX = ".aside"


@contextlib.contextmanager
def aside(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it to `path` when the block ends well.

    The temporary file or folder has the ending of `path`, so that drivers which look at endings accept it. It is
    removed when the block fails, so that a reader finds the old content, the new content or nothing, never a part.

    Raises:
        OutputError: The folder cannot be written, the disk is full, or the name is too long for the file system.
    """
    temporary = path.with_name(f".{uuid.uuid4().hex[:12]}{_ASIDE_SUFFIX}{path.suffix}")
    try:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            _sync(temporary)
            _replace(temporary, path)
    finally:
        _remove(temporary)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the operating system's refusal to write at `path` into an OutputError with what to do."""
    try:
        yield
    except OutputError:
        raise
    except (OSError, UnicodeEncodeError) as error:
        if (refusal := refused(path, error)) is None:
            raise
        raise refusal from error


def refused(path: Path, error: OSError | UnicodeEncodeError) -> OutputError | None:
    """The OutputError that `error` means for writing at `path`, or None where it is about something else."""
    shown = str(path).encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(error, UnicodeEncodeError):
        return OutputError(f"the path {shown}", "a path in UTF-8", "rename the folder or choose another output")
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT | errno.EFBIG:
            return OutputError(f"no space left while writing {shown}", "free space on that disk", _FREE)
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return OutputError(f"{shown} cannot be written: {error.strerror}", "a writable folder", _WRITABLE)
        case errno.ENAMETOOLONG:
            return OutputError(f"a path of {len(shown)} characters: {shown[:80]}...", "a shorter path", _SHORTER)
        # ENOENT is what /proc answers; about another path it means an input that is missing.
        case errno.ENOTDIR | errno.EISDIR | errno.EEXIST | errno.ENOENT if (
            error.errno != errno.ENOENT or str(error.filename) == str(path) or _ASIDE_SUFFIX in str(error.filename)
        ):
            return OutputError(f"{shown}: {error.strerror}", "a folder where folders are needed", _ELSEWHERE)
    return None


_FREE = "free some space and run the same command again: what is done is kept"
_WRITABLE = "change its permissions or choose another output with -o"
_SHORTER = "choose an output nearer to the root"
_ELSEWHERE = "remove what stands there or choose another output with -o"


def write_bytes(path: Path, content: bytes) -> None:
    """Write a whole file aside and rename it."""
    with aside(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Write a whole text file in UTF-8 aside and rename it."""
    # In a name that is not UTF-8 the bytes become escapes, which readers of JSON turn back.
    write_bytes(path, content.encode("utf-8", "backslashreplace"))


@contextlib.contextmanager
def locked(folder: Path, share: str = "") -> Iterator[None]:
    """Hold `folder` for this process alone; the lock ends with the process, however it ends.

    Args:
        folder: What to hold; made where it is missing.
        share: Name of a share of the work: shares of other names may hold the folder meanwhile, nobody else.

    Raises:
        OutputError: Another process holds the folder, or it cannot be written.
    """
    with writing(folder):
        # Refused here, for many libraries cannot write there, and would say so after hours.
        str(folder).encode("utf-8")
        folder.mkdir(parents=True, exist_ok=True)
    with _holding(folder, _LOCK_NAME, fcntl.LOCK_SH if share else fcntl.LOCK_EX):
        if not share:
            yield
            return
        with _holding(folder, f".landweave-{share}.lock", fcntl.LOCK_EX):
            yield


def sweep(folder: Path) -> int:
    """Remove what killed runs left aside below `folder`; gives their number. Call it under the lock."""
    left = list(folder.rglob(f".*{_ASIDE_SUFFIX}*"))
    for path in left:
        _remove(path)
    return len(left)


@contextlib.contextmanager
def _holding(folder: Path, name: str, kind: int) -> Iterator[None]:
    with writing(folder):
        handle = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        _take(handle, folder, kind)
        yield
    finally:
        os.close(handle)


def _take(handle: int, folder: Path, kind: int) -> None:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise OutputError(
            f"the folder {folder}, which another landweave process is writing to",
            "a folder that no other job uses",
            "wait for that job to end, or choose another output with -o",
        ) from error


def _sync(path: Path) -> None:
    for part in [path, *path.rglob("*")] if path.is_dir() else [path]:
        handle = os.open(part, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _replace(temporary: Path, path: Path) -> None:
    if not (temporary.is_dir() and path.is_dir()):
        temporary.replace(path)
        return
    # A folder does not take another one's place in one step. Moved away first, the old one is whole or gone: it is
    # never seen half removed.
    old = path.with_name(f".{uuid.uuid4().hex[:12]}{_ASIDE_SUFFIX}")
    path.replace(old)
    temporary.replace(path)
    _remove(old)


def _remove(path: Path) -> None:
    # A path that cannot exist, or is gone, is as good as removed: the error that led here is the one to show.
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
