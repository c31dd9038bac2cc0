"""The words of Korean that decide where a text may break."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


CONJUNCTIONS = _words(
    """
    그리고 그러나 하지만 그런데 그래서 그러면 그럼 그러므로 따라서 그렇지만 그래도 그러니까 또 또는
    혹은 및 즉 왜냐하면 만약 만일 다만 게다가 그리하여 반면 한편
    """
)
CLINGING = _words(
    """
    이 그 저 이런 그런 저런 어떤 무슨 어느 모든 온갖 각 매 약 총 새 헌 첫 맨 옛 다른 여러 몇
    한 두 세 네 다섯 여섯 일곱 여덟 아홉 열
    안 못 더 덜 매우 아주 너무 가장 제일 좀 잘 꼭 훨씬 별로 거의
    """
)
"""Words that belong to the next: determiners, numerals, short adverbs."""
LEANING = _words(
    """
    수 수가 수는 수도 수를 수밖에 것 것이 것은 것을 것도 것과 것이다 것입니다 것이고 것처럼
    거 거예요 거야 거죠 겁니다 게 건 걸 때 때는 때가 때도 때마다 때문에 때문이다 때문입니다
    등 등을 등이 등의 등은 중 중에 중에서 뿐 뿐만 뿐이다 뿐입니다 만큼 대로 채 채로 줄 줄은 줄을
    데 데에 데서 바 바를 바가 적 적이 적은 듯 듯이 듯한 번 번째 개 개의 명 명의 분 년 월 일 시간
    있다 있습니다 있어요 있는 있고 있었다 있었습니다 있었어요 있을 있지만 있으며 있습니까 있죠
    없다 없습니다 없어요 없는 없고 없었다 없었습니다 없을 않다 않습니다 않아요 않는 않고 않았다
    않았습니다 않을 못합니다 못하는 못했습니다 싶다 싶습니다 싶어요 싶은 주다 줍니다 주세요 주는
    주었습니다 줬습니다 드립니다 드릴 드리겠습니다 보다 봅니다 보세요 보면 보겠습니다 됩니다 된다
    합니다 한다
    """
)
"""Words that belong to the one before: bound nouns, counters, auxiliary verbs."""
CLAUSE_ENDINGS = (
    "지만", "는데", "은데", "인데", "니까", "면서", "으며", "하며", "이며", "되며", "으면", "하면",
    "라면", "다면", "도록", "려고", "거나", "다가", "더니", "아서", "어서", "해서", "여서", "와서",
    "워서", "라서", "하고", "되고", "이고", "였고", "었고", "았고", "했고",
)  # fmt: skip
"""How verbs end a clause that goes on."""
