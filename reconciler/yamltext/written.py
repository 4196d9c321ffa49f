"""Where the parts of a spec were written, if it was put together from several documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.findings import Location
from reconciler.yamltext.document import Document


@dataclass(frozen=True, slots=True)
class Written:
    """Where each part of a spec was written: in its own document under ``wrapper``, or in an overlay's.

    ``parts`` are the places, by pointer of the spec, from which on the text is another's, the outermost first; empty
    if it is all in one document.
    """

    document: Document
    wrapper: str = ""
    parts: Mapping[str, tuple[Document, str]] = field(default_factory=dict, repr=False)

    def source(self, pointer: str) -> tuple[Document, str]:
        """The document that holds the value at a pointer of the spec, and the pointer there."""
        above = pointer
        while self.parts:
            if above in self.parts:
                document, there = self.parts[above]
                return document, there + pointer[len(above) :]
            if not above:
                break
            above = above.rpartition("/")[0]
        return self.document, self.wrapper + pointer

    def locate(self, pointer: str, *, key: bool = False) -> Location:
        """See `Document.locate`."""
        document, there = self.source(pointer)
        return document.locate(there, key=key)

    def is_plain(self, pointer: str) -> bool:
        """See `Document.is_plain`."""
        document, there = self.source(pointer)
        return document.is_plain(there)

    @property
    def texts(self) -> list[str]:
        """The texts that the spec is written in, each once."""
        documents = [self.document, *(document for document, _ in self.parts.values())]
        return list(dict.fromkeys(document.text for document in documents))
