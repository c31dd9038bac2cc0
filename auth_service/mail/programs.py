"""Names of browsers and systems in a User-Agent.

Nothing else of that header is told in a mail: whoever asks for a mail to somebody else could write
to them in it.
"""

# The first that is found counts: most browsers claim to be others, too.
_PROGRAMS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Whale/", "Whale"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
    ("python-", "Python"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def program_of(user_agent: str) -> str:
    """Such as `Firefox, Windows`; empty for what is not known."""
    names = (
        next((name for mark, name in known if mark in user_agent), "")
        for known in (_PROGRAMS, _SYSTEMS)
    )
    return ", ".join(name for name in names if name)
