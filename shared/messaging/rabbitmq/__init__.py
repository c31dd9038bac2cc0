"""The broker between processes, on RabbitMQ 3.10 to 4.x."""

from shared.messaging.rabbitmq.broker import RabbitMQBroker

__all__ = ["RabbitMQBroker"]
