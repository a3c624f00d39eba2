// Where the servers are: names, addresses of both kinds, lists of them, and what is none.

import assert from 'node:assert/strict'
import { connect as connectTo, createServer } from 'node:net'
import { parseZookeeperUrl } from '../../../../lib/queue/store/zookeeper/url'
import { BreakingProxy } from '../../../support/proxy'
import { connect, describeZookeeper, sharedServer, uniqueRoot } from '../../../support/queue'

describe('The URL of a queue on ZooKeeper', () => {
  it('names hosts of every kind, and the path once', () => {
    const { hosts, root } = parseZookeeperUrl('zk://a.example:1,[::1]:2,127.0.0.1,[fe80::1]/x/y/')

    assert.deepEqual(hosts, [
      { host: 'a.example', port: 1 },
      { host: '::1', port: 2 },
      { host: '127.0.0.1', port: 2181 },
      { host: 'fe80::1', port: 2181 },
    ])
    assert.equal(root, '/x/y')
  })

  const wrong: Record<string, RegExp> = {
    'zk://a:0/x': /port 0/,
    'zk://a:65536/x': /port 65536/,
    'zk://a:port/x': /'a:port' is not host/,
    'zk://::1:2181/x': /IPv6 address goes in brackets/,
    'zk://[::g]/x': /'\[::g\]' is not an IPv6 address/,
    'zk://[localhost]/x': /'\[localhost\]' is not an IPv6 address/,
    'zk://a b/x': /'a b' is not host/,
    'zk://a,/x': /'' is not host/,
    'zk://a:1/x,b:1/x': /did you mean 'zk:\/\/a:1,b:1\/x'\?/,
    'zk://a:1': /the path is missing/,
    'zk:///x': /no host is named/,
  }
  for (const [url, says] of Object.entries(wrong)) {
    it(`is refused at once where it is ${url}`, async () => {
      await assert.rejects(connect(url), (error: Error) => {
        assert.ok(error instanceof TypeError)
        assert.match(error.message, says)
        return true
      })
    })
  }
})

describeZookeeper('The servers of a queue', () => {
  it('are found by IPv6, by name, and among others that are not there', async () => {
    const { port } = (await sharedServer()).servers[0]!
    const root = uniqueRoot()
    const six = await new Promise<{ port: number; close: () => void }>((resolve) => {
      const server = createServer((client) => {
        client.pipe(connectTo(port, '127.0.0.1')).pipe(client)
        client.on('error', () => {})
      })
      server.listen(0, '::1', () =>
        resolve({ port: (server.address() as { port: number }).port, close: () => server.close() }),
      )
    })
    const lists = [
      `[::1]:${six.port}`,
      `localhost:${port}`,
      `127.0.0.1:1,[::1]:1,localhost:${port}`,
      `no-such-host.invalid:1,127.0.0.1:${port},[::1]:${six.port}`,
    ]
    for (const list of lists) {
      const queue = await connect(`zk://${list}${root}`)
      if (list === lists[0]) await queue.createQueue({ queue: ['a'] })

      assert.equal(await queue.queueCount(), 1, list)
      await queue.close()
    }
    six.close()
  })

  it('are tried one after the other when one is lost', async () => {
    const { port } = (await sharedServer()).servers[0]!
    const [one, other] = [await BreakingProxy.start(port), await BreakingProxy.start(port)]
    try {
      const hosts = `127.0.0.1:${one.port},127.0.0.1:${other.port}`
      const queue = await connect(`zk://${hosts}${uniqueRoot()}`, { sessionTimeoutMs: 10_000 })
      await queue.createQueue({ queue: ['a', 'b'], timerMs: 60_000 })
      const timer = await queue.createTimer('worker')
      const [used, unused] = one.connections > 0 ? [one, other] : [other, one]

      used.refusing = true
      used.cutAll()
      await (await timer.lease())!.ack()

      assert.equal(unused.connections, 1)
      assert.equal(timer.signal.aborted, false)
      await queue.close()
    } finally {
      await one.stop()
      await other.stop()
    }
  })
})
