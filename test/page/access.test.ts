// Which clients may look at the status page, and what an answer tells a browser to keep to.

import assert from 'node:assert/strict'
import crypto from 'node:crypto'
import { createServer } from 'node:http'

import { type Scoreboard, type StatusHandlerOptions, statusHandler } from '../../lib'
import { AddressSet, plainAddress } from '../../lib/page/addresses'
import { open } from '../support/boards'
import { type Ask, ask, listen, listening } from '../support/raw-http'
import { tempDir } from '../support/temp-dir'

/** Whatever is between a client and a server may add these; a client does not. */
const ADDED_BY_PROXIES = [
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-forwarded-port',
  'x-forwarded-server',
  'x-forwarded',
  'forwarded',
  'forwarded-for',
  'via',
  'x-real-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-original-forwarded-for',
  'x-original-host',
  'true-client-ip',
  'cf-connecting-ip',
  'cf-connecting-ipv6',
  'cf-ray',
  'cdn-loop',
  'fastly-client-ip',
  'fly-client-ip',
  'x-azure-clientip',
  'x-appengine-user-ip',
  'x-envoy-external-address',
  'x_forwarded_for',
]

const TOKEN = 'correct-horse-battery-staple'

describe('The access of statusHandler()', () => {
  let board: Scoreboard

  beforeEach(() => {
    board = open({ baseDir: tempDir(), workerId: 'secret-worker' })
    board.update('secret work')
  })

  async function statusOf(options: StatusHandlerOptions, what: Ask = {}): Promise<number> {
    const { port } = await listen(statusHandler(board, options))
    const { status, body } = await ask(port, what)
    assert.equal(
      /secret/.test(body),
      status === 200 && what.method !== 'HEAD',
      'nothing is told to the refused',
    )
    return status
  }

  it('lets this machine look, by any of its loopback addresses and names', async () => {
    for (const localAddress of ['127.0.0.1', '127.0.0.2', '127.255.3.4']) {
      assert.equal(await statusOf({}, { localAddress }), 200)
    }
    for (const host of [
      'localhost',
      'LOCALHOST:80',
      'app.localhost',
      '127.0.0.1:99',
      '[::1]:8080',
      '10.1.2.3',
    ]) {
      assert.equal(await statusOf({}, { headers: { host } }), 200, host)
    }
  })

  it('lets nobody in under a name that could be pointed here', async () => {
    for (const host of [
      'evil.example',
      'localhost.evil.example',
      '127.0.0.1.evil.example',
      'evil.example:80',
      '127.1',
    ]) {
      assert.equal(await statusOf({}, { headers: { host } }), 403, host)
    }
    assert.equal(
      await statusOf({ hosts: ['status.example'] }, { headers: { host: 'Status.example:81' } }),
      200,
    )
    assert.equal(
      await statusOf({ hosts: ['status.example'] }, { headers: { host: 'a.status.example' } }),
      403,
    )
  })

  it('takes addresses and CIDR blocks, and then only those', async () => {
    const from = (localAddress: string) => ({ localAddress })

    assert.equal(await statusOf({ allow: ['127.0.0.2'] }, from('127.0.0.2')), 200)
    assert.equal(await statusOf({ allow: ['127.0.0.2'] }, from('127.0.0.3')), 403)
    assert.equal(await statusOf({ allow: ['127.0.4.0/22'] }, from('127.0.7.255')), 200)
    assert.equal(await statusOf({ allow: ['127.0.4.0/22'] }, from('127.0.8.0')), 403)
    assert.equal(await statusOf({ allow: ['10.0.0.0/8', 'fd00::/8'] }, from('127.0.0.1')), 403)
    assert.equal(await statusOf({ allow: ['10.0.0.0/8', 'loopback'] }, from('127.0.0.1')), 200)
    assert.equal(await statusOf({ allow: [] }, from('127.0.0.1')), 403)
  })

  it('knows IPv4 addresses in IPv6 clothes, and IPv6 ones however they are written', () => {
    const allowed = new AddressSet(['10.1.0.0/16', '2001:db8::/32', '::ffff:192.168.0.0/112'], 'allow')

    const inside = ['10.1.2.3', '::ffff:10.1.2.3', '::ffff:0a01:0203', '2001:DB8:0::1', '192.168.255.1']
    const outside = [
      '10.2.0.1',
      '::ffff:10.2.0.1',
      '::10.1.2.3',
      '2001:db9::1',
      '192.169.0.1',
      'fe80::1%eth0',
    ]
    for (const text of inside) assert.ok(allowed.has(plainAddress(text)!), text)
    for (const text of outside) assert.ok(!allowed.has(plainAddress(text)!), text)
    for (const text of ['', '010.1.2.3', '10.1.2', '1.2.3.4 ', '::g', '0x7f.1']) {
      assert.equal(plainAddress(text), undefined, text)
    }
    assert.equal(plainAddress('fe80::1%eth0'), 'fe80::1')
  })

  it('knows an IPv4 client on a server that listens to both families', async function () {
    const server = createServer(statusHandler(board, { allow: ['127.0.0.3'] }))
    const hasBoth = await new Promise((resolve) => {
      server.once('error', () => resolve(false))
      server.listen(0, '::', () => resolve(true))
    })
    if (!hasBoth) this.skip() // a machine without IPv6
    const { port } = await listening(server)

    assert.equal((await ask(port, { localAddress: '127.0.0.3' })).status, 200)
    assert.equal((await ask(port, { localAddress: '127.0.0.1' })).status, 403)
  })

  it('takes a token, as a header or once in the address, and then asks it of everybody', async () => {
    const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } })

    assert.equal(await statusOf({ token: TOKEN }, bearer(TOKEN)), 200)
    assert.equal(await statusOf({ token: TOKEN }, { headers: { authorization: `bearer  ${TOKEN}` } }), 200)
    assert.equal(await statusOf({ token: TOKEN }, { path: `/?json&token=${TOKEN}` }), 200)
    assert.equal(await statusOf({ token: TOKEN }), 401)
    for (const wrong of ['x', TOKEN.slice(1), `${TOKEN}x`, TOKEN.toUpperCase(), 'undefined', '']) {
      assert.equal(await statusOf({ token: TOKEN }, bearer(wrong)), 401, wrong)
      assert.equal(await statusOf({ token: TOKEN }, { path: `/?token=${wrong}` }), 401, wrong)
      assert.equal(await statusOf({ token: TOKEN }, { headers: { cookie: `token=${wrong}` } }), 401, wrong)
    }
    const basic = (pair: string) => ({
      headers: { authorization: `Basic ${Buffer.from(pair).toString('base64')}` },
    })
    assert.equal(await statusOf({ token: TOKEN }, basic(`x:${TOKEN}`)), 200)
    for (const wrong of ['x:y', `${TOKEN}:x`, TOKEN, ':']) {
      assert.equal(await statusOf({ token: TOKEN }, basic(wrong)), 401, wrong)
    }
    assert.equal(await statusOf({ token: TOKEN, allow: ['loopback'] }), 200)
    // Whoever has the token may come by any name and through any proxy.
    const headers = {
      authorization: `Bearer ${TOKEN}`,
      host: 'status.example',
      'x-forwarded-for': '203.0.113.9',
    }
    assert.equal(await statusOf({ token: TOKEN }, { headers }), 200)
  })

  it('takes a token out of the address at once, and keeps what is not the token in a cookie', async () => {
    const { port } = await listen(statusHandler(board, { token: TOKEN }))

    const reply = await ask(port, { path: `//evil.example/status?sort=-age&token=${TOKEN}` })
    const cookie = reply.headers['set-cookie']![0]!
    const next = await ask(port, { headers: { cookie: `a=b; ${cookie.split(';')[0]}` } })
    const forged = await ask(port, { headers: { cookie: `${cookie.split('=')[0]}=${TOKEN}` } })

    assert.equal(reply.status, 303)
    assert.equal(reply.headers.location, '?sort=-age')
    assert.match(cookie, /^rollcall-[0-9a-f]{8}=[\w-]{43}; HttpOnly; SameSite=Lax$/)
    assert.ok(!cookie.includes(TOKEN))
    assert.equal(next.status, 200)
    assert.equal(forged.status, 401)
  })

  it('believes no proxy unless told to, and then only that one', async () => {
    const through = (forwarded: string, localAddress = '127.0.0.1') => ({
      localAddress,
      headers: { 'x-forwarded-for': forwarded },
    })

    for (const name of ADDED_BY_PROXIES) {
      assert.equal(await statusOf({}, { headers: { [name]: '127.0.0.1' } }), 403, name)
    }
    const trusting = { allow: ['203.0.113.0/24'], trustProxy: true }
    assert.equal(await statusOf(trusting, through('203.0.113.9')), 200)
    assert.equal(await statusOf(trusting, through('[::ffff:203.0.113.9]:4711')), 200)
    assert.equal(await statusOf(trusting, through('198.51.100.1')), 403)
    assert.equal(
      await statusOf(trusting, through('203.0.113.9, 198.51.100.1')),
      403,
      'the client wrote the first',
    )
    assert.equal(await statusOf(trusting, through('198.51.100.1, 203.0.113.9, 127.0.0.5')), 200)
    assert.equal(await statusOf(trusting, through('unknown')), 403)
    assert.equal(await statusOf(trusting, through('')), 403)
    assert.equal(await statusOf({ trustProxy: true }, through('127.0.0.1, 198.51.100.1')), 403)
    const one = { allow: ['203.0.113.9'], trustProxy: ['127.0.0.8'] }
    assert.equal(await statusOf(one, through('203.0.113.9', '127.0.0.8')), 200)
    assert.equal(await statusOf(one, through('203.0.113.9', '127.0.0.9')), 403)
  })

  it('believes nothing that a trusted proxy did not write into X-Forwarded-For', async () => {
    const trusting = { trustProxy: true }
    // Its client's words, and then what it has to say of that client.
    for (const hop of [
      'unknown',
      'unix:',
      'unix:/run/x.sock',
      '_hidden',
      '',
      ' ',
      '203.0.113.9 x',
      '999.1.1.1',
    ]) {
      for (const before of ['127.0.0.1', '127.0.0.1, 127.0.0.1', '::1', '10.0.0.1,127.0.0.1']) {
        const headers = { 'x-forwarded-for': `${before}, ${hop}` }
        assert.equal(await statusOf(trusting, { headers }), 403, `${before}, ${hop}`)
      }
      // An unreadable hop behind one that is no proxy changes nothing.
      const headers = { 'x-forwarded-for': `${hop}, 203.0.113.9, 127.0.0.1` }
      assert.equal(await statusOf({ ...trusting, allow: ['203.0.113.9'] }, { headers }), 200, hop)
    }
    for (const name of ADDED_BY_PROXIES.filter((name) => name !== 'x-forwarded-for')) {
      for (const value of ['127.0.0.1', '203.0.113.9', 'for=127.0.0.1', '1.1 proxy']) {
        assert.equal(await statusOf(trusting, { headers: { [name]: value } }), 403, `${name}: ${value}`)
      }
    }
    // No header at all: it asks for itself.
    assert.equal(await statusOf(trusting), 200)
  })

  it('lets nobody in where a trusted proxy contradicts its X-Forwarded-For', async () => {
    // Such a proxy writes the other header, and passes this one on as its client sent it.
    const contradictions: Record<string, string>[] = [
      { 'x-real-ip': '203.0.113.9' },
      { 'x-real-ip': 'unknown' },
      { 'x-real-ip': '127.0.0.1, 203.0.113.9' },
      { forwarded: 'for=203.0.113.9' },
      { forwarded: 'for=127.0.0.1, for=203.0.113.9;proto=https' },
      { forwarded: 'proto=https;for="[2001:db8::1]:4711"' },
      { forwarded: 'for=unknown' },
      { forwarded: 'proto=https' },
      { 'cf-connecting-ip': '203.0.113.9' },
      { 'true-client-ip': '203.0.113.9' },
      { 'x-client-ip': '203.0.113.9', 'x-real-ip': '127.0.0.1' },
    ]
    for (const said of contradictions) {
      const headers = { 'x-forwarded-for': '127.0.0.1', ...said }
      assert.equal(await statusOf({ trustProxy: true }, { headers }), 403, JSON.stringify(said))
      const reversed = { ...said, 'x-forwarded-for': '203.0.113.9, 10.1.1.1' }
      const inside = { trustProxy: true, allow: ['10.0.0.0/8'] }
      assert.equal(await statusOf(inside, { headers: reversed }), 403, JSON.stringify(said))
    }
    // One that writes both of them, alone or behind another that is trusted.
    const chain = { 'x-forwarded-for': '203.0.113.9, 127.0.0.7' }
    const trusting = { trustProxy: true, allow: ['203.0.113.9'] }
    for (const agreed of [
      { via: '1.1 proxy', 'x-forwarded-proto': 'https', 'x-forwarded-host': 'status.example' },
      { 'x-real-ip': '203.0.113.9' },
      { 'x-real-ip': '127.0.0.7' },
      { forwarded: 'for=x, for="203.0.113.9:80";proto=https' },
      { 'cf-connecting-ip': '203.0.113.9' },
    ]) {
      assert.equal(
        await statusOf(trusting, { headers: { ...chain, ...agreed } }),
        200,
        JSON.stringify(agreed),
      )
    }
  })

  it('does not take an IPv4 address for one of a block of IPv6', async () => {
    for (const block of ['::/0', '::/1', '::/64', '::/80', '::/96', '0::/95']) {
      const set = new AddressSet([block], 'allow')
      assert.ok(!set.has('10.1.2.3') && !set.has('127.0.0.1'), block)
      assert.equal(await statusOf({ allow: [block] }), 403, block)
    }
    assert.ok(new AddressSet(['::/0'], 'allow').has('2001:db8::1'))
    assert.ok(!new AddressSet(['0.0.0.0/0'], 'allow').has('2001:db8::1'))
    assert.ok(new AddressSet(['::ffff:0:0/96'], 'allow').has('10.1.2.3'), 'that is all of IPv4')
  })

  it('looks at one cookie, however many there are, and whatever else has its name in it', async () => {
    const { port } = await listen(statusHandler(board, { token: TOKEN }))
    const [cookie] = (await ask(port, { path: `/?token=${TOKEN}` })).headers['set-cookie']![0]!.split(';')
    const [name] = cookie!.split('=')
    const isIn = async (text: string) => (await ask(port, { headers: { cookie: text } })).status === 200

    assert.ok(await isIn(`${'a;'.repeat(5000)}${cookie}`))
    assert.ok(await isIn(`x${cookie};   ${cookie}  ;b`))
    for (const text of [
      `${name}`,
      `${name}=`,
      `${name}=x;${cookie}`,
      `x${cookie}`,
      `${cookie}x`,
      ` = ${cookie}`,
    ]) {
      assert.ok(!(await isIn(text)), text)
    }

    // Hashing is what a request costs: one value whatever was sent.
    const { createHash } = crypto
    let hashed = 0
    crypto.createHash = (...args: Parameters<typeof createHash>) => {
      hashed++
      return createHash(...args)
    }
    try {
      for (const [text, most] of [
        ['a;'.repeat(7500), 0],
        [';'.repeat(15_000), 0],
        [`${name}=a;`.repeat(500), 2],
      ] as const) {
        hashed = 0
        assert.equal(await isIn(text), false)
        assert.equal(hashed, most)
      }
    } finally {
      crypto.createHash = createHash
    }
  })

  it('gives a cookie for encrypted connections only where the browser has one, by a proxy too', async () => {
    const { port } = await listen(statusHandler(board, { token: TOKEN }))
    const isSecure = async (headers: Record<string, string>) =>
      /; Secure/.test((await ask(port, { path: `/?token=${TOKEN}`, headers })).headers['set-cookie']![0]!)

    const encrypted: Record<string, string>[] = [
      { 'x-forwarded-proto': 'https' },
      { 'x-forwarded-proto': 'http, HTTPS ' },
      { forwarded: 'for=1.2.3.4;proto=https' },
      { forwarded: 'for=1.2.3.4, proto="https";for=x' },
    ]
    const plain: Record<string, string>[] = [
      {},
      { 'x-forwarded-proto': 'http' },
      { 'x-forwarded-proto': 'https, http' },
      { 'x-forwarded-proto': 'httpsx' },
      { forwarded: 'for=proto' },
    ]
    for (const headers of encrypted) assert.ok(await isSecure(headers), JSON.stringify(headers))
    for (const headers of plain) assert.ok(!(await isSecure(headers)), JSON.stringify(headers))
  })

  it('tells other sites nothing, not even to their scripts on this machine', async () => {
    const headers = (mode: string) => ({ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': mode })

    assert.equal(await statusOf({}, { headers: headers('no-cors') }), 403)
    assert.equal(await statusOf({}, { headers: headers('cors'), path: '/?events' }), 403)
    assert.equal(await statusOf({}, { headers: headers('navigate') }), 200)
  })

  it('has the same rules on every path and in every form', async () => {
    const paths = ['/', '//', '/../../etc/passwd', '/%2e%2e/', '/status;a=b', '/metrics', '/?json', '/?auto']
    const more = [
      '/?events',
      '/?metrics',
      '/?json#token',
      'http://127.0.0.1/?json',
      '/x?token=&json',
      '/\\..\\?json',
    ]
    const { port } = await listen(statusHandler(board, { token: TOKEN }))

    for (const path of [...paths, ...more]) {
      const { status, body } = await ask(port, { path })
      assert.equal(status, 401, path)
      assert.doesNotMatch(body, /secret|passwd/)
    }
  })

  it('knows GET and HEAD, and no other method', async () => {
    const { port } = await listen(statusHandler(board))

    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE', 'PROPFIND']) {
      const { status, headers } = await ask(port, { method })
      assert.equal(status, 405, method)
      assert.equal(headers.allow, 'GET, HEAD')
    }
    for (const path of ['/', '/?json', '/?auto', '/metrics', '/?events']) {
      const [head, { body, headers }] = await Promise.all([
        ask(port, { method: 'HEAD', path }),
        path === '/?events' ? { body: '', headers: undefined } : ask(port, { path }),
      ])
      assert.equal(head.status, 200, path)
      assert.equal(head.body, '')
      if (headers) assert.equal(head.headers['content-type'], headers['content-type'])
      if (headers) assert.ok(Number(head.headers['content-length']) > 0 && body.length > 0)
    }
  })

  it('sends every answer with the headers that keep it harmless', async () => {
    const { port } = await listen(statusHandler(board))

    const asked = [{}, { path: '/?json' }, { path: '/?auto' }, { path: '/metrics' }, { method: 'PUT' }]
    const refused = { headers: { host: 'evil.example' } }
    for (const what of [...asked, refused]) {
      const { headers } = await ask(port, what)
      assert.match(
        String(headers['content-security-policy']),
        /^default-src 'none'; .*frame-ancestors 'none'$/,
      )
      assert.doesNotMatch(String(headers['content-security-policy']), /unsafe|\*/)
      assert.equal(headers['x-content-type-options'], 'nosniff')
      assert.equal(headers['referrer-policy'], 'no-referrer')
      assert.equal(headers['x-frame-options'], 'DENY')
      assert.equal(headers['cross-origin-opener-policy'], 'same-origin')
      assert.equal(headers['cross-origin-resource-policy'], 'same-origin')
      assert.match(String(headers['cache-control']), /no-store/)
      assert.equal(headers['access-control-allow-origin'], undefined)
    }
  })

  it('refuses options that mean nothing, and does not repeat a secret', () => {
    const refuses = (options: unknown, words: RegExp) =>
      assert.throws(() => statusHandler(board, options as StatusHandlerOptions), words)

    refuses({ alow: [] }, /Unknown option 'alow'.*did you mean 'allow'/)
    for (const one of [
      '10.0.0.0/33',
      '10.0.0/8',
      'example.com',
      '',
      '::/129',
      '1.2.3.4/',
      '10.0.0.1-9',
      '::ffff:1.2.3.4/9',
    ]) {
      refuses({ allow: [one] }, /Expected option 'allow' to hold addresses/)
    }
    refuses({ allow: '127.0.0.1' }, /a list of strings/)
    refuses({ token: '' }, /printable ASCII/)
    refuses({ token: 'two words' }, /^(?!.*two words)/)
    refuses({ token: 7 }, /a string, got a number/)
    refuses({ trustProxy: 'yes' }, /'trustProxy' to be a boolean/)
    refuses({ trustProxy: ['proxy'] }, /'trustProxy' to hold addresses/)
    refuses({ queues: { jobs: 'zk://x' } }, /'jobs' in option 'queues' to be a WatchdogQueue/)
    refuses({ queues: [] }, /an object of queues by name/)
    refuses({ staleAfterMs: 0 }, /from 1 to/)
    refuses({ intervalMs: 1 }, /from 50 to 60000/)
    assert.throws(() => statusHandler({} as Scoreboard), /Expected a Scoreboard/)
  })
})
