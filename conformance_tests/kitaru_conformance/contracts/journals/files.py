"""What a journal that is a file of this machine does about files that are not its own, not whole, or not private."""

from __future__ import annotations

from pathlib import Path

import pytest

from kitaru.errors import KitaruJournalError
from kitaru_conformance.contracts.journals.cases import JournalCases
from kitaru_conformance.contracts.journals.desk import Desk
from kitaru_conformance.contracts.journals.drafts import begin, logged
from kitaru_conformance.requirements import requirement

__all__ = ["Files"]


class Files(JournalCases):
    """Cases for a journal in one file; they need the capability `file`."""

    @pytest.fixture
    def file(self, address: str) -> Path:
        """Give the file that the address names; the default takes what follows the third slash."""
        return Path(address.partition(":///")[2])

    @requirement("J-94", needs={"file"})
    def test_the_file_is_private(self, desk: Desk, file: Path) -> None:
        """Nobody but its owner may read the file or what stands beside it.

        If this fails: look at the mode with which the file is made.
        """
        journal = desk.open()
        journal.append(begin(journal), logged(1))
        beside = [one for one in file.parent.iterdir() if one.name.startswith(file.name)]
        assert beside
        assert [one.stat().st_mode & 0o077 for one in beside] == [0] * len(beside)

    @requirement("J-95", needs={"file"})
    def test_a_foreign_file_is_refused_and_left_alone(self, desk: Desk, file: Path) -> None:
        """A file that is no journal is refused as foreign and not changed.

        If this fails: look at what is written before the file is looked at.
        """
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"Dear diary, " * 300)
        with pytest.raises(KitaruJournalError) as caught:
            desk.open()
        assert caught.value.reason == "foreign"
        assert file.read_bytes() == b"Dear diary, " * 300

    @requirement("J-96", needs={"file"})
    def test_a_truncated_file_is_refused_and_left_alone(self, desk: Desk, file: Path) -> None:
        """A journal file that was cut off is refused as corrupt and not changed.

        If this fails: repair J-95 first; compare the size with what the file says of itself.
        """
        journal = desk.open()
        journal.append(begin(journal), *(logged(number, text="x" * 500) for number in range(200)))
        journal.close()
        data = file.read_bytes()[: file.stat().st_size // 2]
        file.write_bytes(data)
        with pytest.raises(KitaruJournalError) as caught:
            desk.open()
        assert caught.value.reason == "corrupt"
        assert file.read_bytes() == data
