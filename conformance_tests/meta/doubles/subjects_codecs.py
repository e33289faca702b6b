"""The codecs of `codec_doubles` as subjects."""

from __future__ import annotations

import pytest
from codec_doubles import DOUBLES, Celsius
from judged import subjects

from kitaru_conformance import CodecContract


class OfCelsius(CodecContract):
    capabilities = frozenset({"checked", "classes", "released"})

    @pytest.fixture
    def make(self):
        return type(self).kind

    @pytest.fixture
    def samples(self):
        return [Celsius(20), Celsius(-3.5), Celsius(0)]

    @pytest.fixture
    def released(self):
        return [(b'{"degrees": 36.6, "unit": "celsius"}', Celsius(36.6))]


globals().update(subjects(DOUBLES, OfCelsius, kind=lambda one: one))
