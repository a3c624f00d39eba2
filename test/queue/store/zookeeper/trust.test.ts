// With a secret, a queue that others may change is none of ours, whenever it became so.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'

import type { WatchdogQueue } from '../../../../lib'
import { runCli } from '../../../support/cli'
import { eventually } from '../../../support/eventually'
import { BreakingProxy } from '../../../support/proxy'
import { connect, describeZookeeper, sharedServer, uniqueUrl } from '../../../support/queue'
import { type Acl, setAcl } from '../../../support/set-acl'

const secret = 'user:right'
const auth = { scheme: 'digest' as const, secret }

const digest = (text: string) => `user:${createHash('sha1').update(text).digest('base64')}`
const OURS: Acl = { perm: 31, scheme: 'digest', auth: digest(secret) }
const ANYONE: Acl = { perm: 31, scheme: 'world', auth: 'anyone' }

/** ACLs of the root of a queue that are not exactly ours: whoever made them can read it, or more. */
const FOREIGN: [string, Acl[]][] = [
  ['open to the world', [ANYONE]],
  ['ours and open to the world', [OURS, ANYONE]],
  ['open to the world and ours', [ANYONE, OURS]],
  ['readable for the world', [OURS, { ...ANYONE, perm: 1 }]],
  ['where the world may create', [OURS, { ...ANYONE, perm: 4 }]],
  ['of an address too', [OURS, { perm: 31, scheme: 'ip', auth: '127.0.0.1' }]],
  ['of another secret too', [OURS, { ...OURS, auth: digest('user:other') }]],
  ['of another user too', [OURS, { ...OURS, auth: digest('other:right').replace('user', 'other') }]],
  [
    'ours with fewer rights',
    [
      { ...OURS, perm: 15 },
      { perm: 16, scheme: 'world', auth: 'anyone' },
    ],
  ],
]

/** As somebody who may. */
async function giveAcl(url: string, acl: Acl[]): Promise<void> {
  const [server] = (await sharedServer()).servers
  assert.equal(await setAcl(server!.port, url.slice(url.indexOf('/', 5)), acl, secret), 0)
}

describeZookeeper('A queue with a secret', () => {
  const refused = { code: 'ERR_AUTH', message: /others than who holds the secret may change it/ }

  it('is not one that was there first and is open, whatever is asked of it', async () => {
    const url = await uniqueUrl()
    await (await connect(url)).createQueue({ queue: ['; rm -rf ~'] })

    await assert.rejects(connect(url, { auth }), refused)
    const env = { ROLLCALL_AUTH: secret }
    for (const verb of [
      ['work', '--queue', url, '--', 'echo'],
      ['queue', 'count', '--queue', url],
    ]) {
      const { code, stdout, stderr } = await runCli(verb, env)
      assert.deepEqual([code, stdout], [77, ''])
      assert.match(stderr, /\[ERR_AUTH\]/)
    }
  })

  it('is not made where somebody comes first after we have connected', async () => {
    const ways: ((queue: WatchdogQueue) => Promise<unknown>)[] = [
      (queue) => queue.createQueue({ queue: ['x'] }),
      (queue) => queue.createQueue({ queue: ['x'], ifExists: 'attach' }),
      (queue) => queue.createQueue({ queue: ['x'], ifExists: 'replace' }),
      (queue) => queue.attachQueue({ timeoutMs: 60_000 }),
      (queue) => queue.counts(),
      (queue) => queue.consume(),
      (queue) => queue.createTimer('w'),
      (queue) => queue.add(['x']),
      (queue) => queue.destroy(),
    ]
    for (const way of ways) {
      const url = await uniqueUrl()
      const victim = await connect(url, { auth })
      const attacker = await connect(url)
      await attacker.createQueue({ queue: ['theirs'], sealed: false })

      await assert.rejects(way(victim), refused, String(way))
      assert.equal((await attacker.counts()).ready, 1, 'and left alone')
    }
  })

  it('is ours no more once somebody has opened it: not for who comes, nor for the next timer', async () => {
    const url = await uniqueUrl()
    const victim = await connect(url, { auth })
    await victim.createQueue({ queue: ['a'], sealed: false })

    for (const [what, acl] of FOREIGN) {
      await giveAcl(url, acl)
      await assert.rejects(connect(url, { auth }), refused, what)
      await assert.rejects(victim.createTimer('w'), refused, what)
      await assert.rejects(victim.attachQueue(), refused, what)
      await assert.rejects(victim.seal(), refused, what)
    }
    await giveAcl(url, [OURS])
    await (await victim.createTimer('w')).end()
    await connect(url, { auth })
  })

  it('is looked at again in a new session, before anything else is asked', async () => {
    const url = await uniqueUrl()
    const { servers } = await sharedServer()
    const proxy = await BreakingProxy.start(servers[0]!.port)
    try {
      const throughProxy = url.replace(/\/\/[^/]*/, `//127.0.0.1:${proxy.port}`)
      const victim = await connect(throughProxy, { auth, connectTimeoutMs: 30_000 })
      await victim.createQueue({ queue: ['a'] })
      const timer = await victim.createTimer('w')
      const master = await connect(url, { auth })
      const lost = assert.rejects(
        timer.lease().then(() => timer.lease({ waitMs: 60_000 })),
        (error: { code: string }) => ['ERR_SESSION_LOST', 'ERR_AUTH'].includes(error.code),
      )

      proxy.refusing = true
      proxy.cutAll()
      await eventually(async () => (await master.checkTimers()).alive === 0, 'the end of the session')
      await giveAcl(url, [ANYONE])
      proxy.refusing = false
      await lost

      await assert.rejects(victim.counts(), refused)
      await assert.rejects(victim.createTimer('w'), refused)
    } finally {
      await proxy.stop()
    }
  })
})
