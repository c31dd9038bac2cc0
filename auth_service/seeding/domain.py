"""The people that an installation for trying things out begins with."""

from typing import NamedTuple

PASSWORD = "Courtyard-42"  # noqa: S105 - known to everybody, and refused in production
_DOMAIN = "seed.example"  # such names belong to nobody (RFC 2606)


class Person(NamedTuple):
    """Somebody who does not exist."""

    handle: str
    display_name: str
    language: str
    time_zone: str
    roles: tuple[str, ...] = ()

    @property
    def email(self) -> str:
        """The address, at which no mail arrives."""
        return f"{self.handle}@{_DOMAIN}"


PEOPLE = (
    Person("hana", "김하나", "ko", "Asia/Seoul", ("admin",)),
    Person("oliver", "Oliver Reed", "en", "Europe/London", ("support",)),
    Person("jisoo", "박지수", "ko", "Asia/Seoul"),
    Person("amara", "Amara Okafor", "en", "Africa/Lagos"),
    Person("taeyang", "이태양", "ko", "Asia/Seoul"),
    Person("lucia", "Lucía Fernández", "es", "Europe/Madrid"),
    Person("seojun", "최서준", "ko", "Asia/Seoul"),
    Person("kenji", "佐藤健二", "ja", "Asia/Tokyo"),
    Person("yerin", "정예린", "ko", "Asia/Seoul"),
    Person("noah", "Noah Williams", "en-US", "America/New_York"),
    Person("dayun", "강다윤", "ko", "Asia/Seoul"),
    Person("fatima", "Fatima Zahra", "fr", "Africa/Casablanca"),
    Person("hyunwoo", "조현우", "ko", "Asia/Seoul"),
    Person("ingrid", "Ingrid Solberg", "en", "Europe/Oslo"),
    Person("sumin", "윤수민", "ko", "Asia/Seoul"),
    Person("mateo", "Mateo Silva", "pt-BR", "America/Sao_Paulo"),
    Person("byeol", "한별", "ko", "Asia/Seoul"),
    Person("priya", "Priya Sharma", "en-IN", "Asia/Kolkata"),
    Person("garam", "임가람", "ko", "Asia/Seoul"),
    Person("emil", "Emil Novák", "en", "Europe/Prague"),
)
