"""Finding relayed tools by what they do: words and meaning together, as cases are found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import anyio.to_thread

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from memento_server.memory import Memory

_WAIT_S = 2.0
_DENSE_WEIGHT = 0.7


class ToolSearch:
    """Scores tool descriptions; each is embedded once and kept."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._vectors: dict[str, NDArray[np.float32]] = {}

    async def rank(self, query: str, texts: Sequence[str]) -> Sequence[float]:
        """A score for each text, higher is better."""
        return await anyio.to_thread.run_sync(self._rank, query, texts)

    def _rank(self, query: str, texts: Sequence[str]) -> list[float]:
        import numpy as np

        from memento_memory.selection.fusion import fuse
        from memento_memory.selection.lexical import BankWords, lexical_similarity, words

        if not texts:
            return []
        found = [set(words(text)) for text in texts]
        counts = Counter(word for text in found for word in text)
        mean_length = sum(len(words(text)) for text in texts) / len(texts)
        lexical = lexical_similarity(query, texts, BankWords(len(texts), mean_length, lambda word: counts[word]))
        scores = fuse(self._cosine(query, texts), np.asarray(lexical), dense_weight=_DENSE_WEIGHT)
        return [float(score) for score in scores]

    def _cosine(self, query: str, texts: Sequence[str]) -> NDArray[np.float64]:
        """Cosines of query and texts, shape (n,); nan for all while there is no embedding model."""
        import numpy as np

        embedder = self._memory.embedder().get(wait=_WAIT_S)
        if embedder is None:
            return np.full(len(texts), np.nan)
        new = [text for text in dict.fromkeys(texts) if text not in self._vectors]
        if new:
            self._vectors.update(zip(new, embedder.embed(new), strict=True))
        asked = np.asarray(embedder.embed([query])[0], dtype=np.float64)
        return np.stack([self._vectors[text] for text in texts]).astype(np.float64) @ asked
