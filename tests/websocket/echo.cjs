// Node's ws against an echo: text, bytes, fragments, pings, close codes; compression is offered.
const assert = require('node:assert/strict')
const { once } = require('node:events')
const { randomBytes } = require('node:crypto')
const WebSocket = require('ws')

const url = process.argv[2]

async function open (options) {
  const socket = new WebSocket(url, options)
  await once(socket, 'open')
  return socket
}

async function echoed (socket, message) {
  socket.send(message)
  const [data, isBinary] = await once(socket, 'message')
  assert.equal(isBinary, typeof message !== 'string')
  assert.ok(Buffer.from(message).equals(data), `${message.length} bytes`)
}

async function main () {
  const socket = await open({ perMessageDeflate: true })
  assert.equal(socket.extensions, '')
  for (const size of [0, 1, 125, 126, 65535, 65536]) {
    await echoed(socket, 'x'.repeat(size))
    await echoed(socket, randomBytes(size))
  }
  for (const part of ['frag', 'men', 'ts']) socket.send(part, { fin: part === 'ts' })
  assert.equal(String((await once(socket, 'message'))[0]), 'fragments')
  socket.ping('alive')
  assert.equal(String((await once(socket, 'pong'))[0]), 'alive')
  socket.close(3000, 'done')
  assert.equal((await once(socket, 'close'))[0], 3000)

  const unmasked = await open()
  unmasked.send('not masked', { mask: false })
  assert.equal((await once(unmasked, 'close'))[0], 1002)

  const wrong = new WebSocket(url, { protocolVersion: 8 })
  const [error] = await once(wrong, 'error')
  assert.match(error.message, /426/)

  const many = await Promise.all(Array.from({ length: 100 }, () => open()))
  await Promise.all(many.map((one, n) => echoed(one, `I am ${n}`)))
  many.forEach((one) => one.terminate())
}

main().catch((error) => { console.error(error); process.exit(1) })
