"""Recovery codes on the wire."""

import msgspec


class RecoveryCodesView(msgspec.Struct, frozen=True):
    """Codes that are shown once, each good for one use."""

    recovery_codes: tuple[str, ...]


EXAMPLE_CODES = RecoveryCodesView(
    (
        "4kzm-09qw-7txc", "8b2h-qv5e-1rnd", "c0jx-t6wa-93sk", "zfp4-7m1g-d2vy", "5ehq-x8cn-40bt",
        "m7rd-2kjw-s9za", "9tvc-b5f0-qgx3", "w1ns-6yhe-8mpk", "0xqa-c4zt-j7vd", "h3gb-9e2r-fw5n",
    )
)  # fmt: skip
