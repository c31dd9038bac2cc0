"""The real things that tests run on; each starts only when a test asks for it."""

pytest_plugins = [
    "tests.support.postgres",
    "tests.support.rabbitmq",
    "tests.support.redis",
    "tests.support.messaging",
    "tests.support.s3",
    "tests.support.suites",
]
