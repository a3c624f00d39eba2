// The whole scenario of the queue's ancestor on a ZooKeeper server: with nothing installed but this package, in plain and
// over TLS with a certificate of the client. Arguments: the plain URL, the other one, and three files of certificates.

const assert = require('node:assert/strict')
const fs = require('node:fs')
const { WatchdogQueue } = require('rollcall')

async function scenario(url, options) {
  const master = await WatchdogQueue.connect(url, options)
  const client = await WatchdogQueue.connect(url, { ...options, heartbeat: 'thread' })
  await master.createQueue({ timerMs: 60_000, queue: ['item1', 'item2'], syncStart: true })
  assert.equal(await master.queueCount(), 2)
  assert.equal(typeof (await client.consume()), 'string')
  assert.equal(await master.queueCount(), 1)
  assert.equal(await master.waitSync({ timeoutMs: 100 }), false)

  await client.attachQueue()
  await client.createTimer('process_identifier')
  const { alive, expired } = await master.checkTimers()
  assert.deepEqual({ alive, expired }, { alive: 1, expired: 0 })
  assert.equal(await client.kickDog(), true)
  assert.equal(await master.waitSync({ timeoutMs: 60_000 }), true)
  assert.deepEqual(await master.getTimers({ expiredOnly: true }), [])
  assert.equal(typeof (await client.consume()), 'string')
  assert.equal(await client.consume(), undefined)

  await master.clearTimers()
  await master.destroy()
  await client.close()
  await master.close()
}

async function main() {
  const [plain, secure, ca, cert, key] = process.argv.slice(2)
  const tls = { ca: fs.readFileSync(ca), cert: fs.readFileSync(cert), key: fs.readFileSync(key) }
  await scenario(plain, {})
  await scenario(secure, { tls, auth: { scheme: 'x509' } })
  console.log('used')
}

void main()
