// A bare @fastify/http-proxy in front of the upstream in argv[2]; prints its port.
const fastify = require('fastify')({ logger: false })

fastify.register(require('@fastify/http-proxy'), { upstream: process.argv[2] })
fastify.listen({ host: '127.0.0.1', port: 0 }).then(() => {
  console.log(fastify.server.address().port)
})
