// WebSockets by `ws`; SIGUSR2 sends argv[2] bytes to every client. Prints its port.
const { WebSocketServer } = require('ws')

const server = new WebSocketServer({
  host: '127.0.0.1', port: 0, backlog: 4096, perMessageDeflate: false, maxPayload: 4096,
})
const payload = Buffer.alloc(Number(process.argv[2]), 'x')

server.on('listening', () => console.log(server.address().port))
process.on('SIGUSR2', () => {
  for (const client of server.clients) client.send(payload, { binary: false })
})
