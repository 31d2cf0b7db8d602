"""`record`: install groups in images for real, twice; write down what they come to, and prove that a replay is equal.

A recording is refused rather than guessed: every path that differs between two installations must have a rule, and the
replay in a fresh copy must give the tree that dpkg gave.
"""

import datetime
import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from debian.deb822 import Deb822

from package_cache.cache.checked_files import GroupContents, read_group
from package_cache.cache.description import DescribedGroup, read_description
from package_cache.cache.layout import CacheFolder, pool_file
from package_cache.cache.recordings import (
    Recording,
    group_digest,
    publish_recordings,
    read_recordings,
    recording_file,
    with_recordings,
)
from package_cache.check.target import MakeRoot, SeenSystem, opened
from package_cache.errors import PackageCacheError, UsageError, unforeseen
from package_cache.escaping import visible_line
from package_cache.events import Listener, Step, ignore
from package_cache.filesystem.temporary import temporary_folder
from package_cache.manifest.model import RuleKind, Where
from package_cache.process import need_tools
from package_cache.recording.classes import Classes, NotRecordable
from package_cache.recording.content import STATUS, Content, content, lists
from package_cache.recording.file import Facts, recording_bytes, recording_compression
from package_cache.recording.installation import OTHER, PLACE, PLAIN, Subject, installation, subject_of
from package_cache.recording.model import Outcome, OutcomeKind, RecordedImage, RecordOrder, RecordResult
from package_cache.recording.observed import Observed
from package_cache.recording.payload import payload
from package_cache.recording.rules import Rules
from package_cache.recording.secrets import secret_in
from package_cache.recording.trace import dependence
from package_cache.recording.tree import Kind, Tree, contents
from package_cache.sandbox.container import Container
from package_cache.sandbox.isolation import Isolation, isolation_for
from package_cache.tools import containers
