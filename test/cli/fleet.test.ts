// rollcall agent, and the verbs that take a fleet's URL where a board's directory may stand.

import assert from 'node:assert/strict'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join as pathJoin } from 'node:path'

import type { MachineEntry, Scoreboard } from '../../lib'
import { open } from '../support/boards'
import { type Ended, type RunningCli, runCli, startCli } from '../support/cli'
import { eventually } from '../support/eventually'
import { join as joinFleet, look, machine } from '../support/machines'
import { describeZookeeper, uniqueUrl } from '../support/queue'
import { ask } from '../support/raw-http'
import { tempDir } from '../support/temp-dir'

// However slow the machine, a worker of this process is not taken for blocked.
const PATIENT = 60_000
const FAST = ['--session-timeout', '1s', '--interval', '100ms', '--blocked', '1m']

/** An agent in a process of its own, once it has joined. */
async function startAgent(url: string, ...args: string[]): Promise<RunningCli> {
  const agent = startCli(['agent', '--fleet', url, ...FAST, '--json', ...args])
  await agent.says(/"pid":\d+/)
  return agent
}

const join: typeof joinFleet = (url, options) => joinFleet(url, { blockedAfterMs: PATIENT, ...options })

function board(workerId: string, status: string): Scoreboard {
  const made = open({
    baseDir: pathJoin(tempDir(), 'app'),
    workerId,
    counters: { jobs: 'counter' },
    heartbeatMs: PATIENT,
  })
  made.update(status)
  made.counters.add('jobs', 2)
  return made
}

/** Waits until standard error matches. */
const notes = (cli: RunningCli, pattern: RegExp) =>
  eventually(
    () => pattern.test(cli.stderr),
    () => `${pattern} in ${cli.stderr}`,
  )

const rows = ({ stdout }: Ended) =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.trim().split(/ {2,}/))

describe('The verbs of a fleet', () => {
  let url: string
  beforeEach(() => {
    url = `local:${pathJoin(tempDir(), 'fleet')}`
  })

  it('list, add up and judge the workers of all machines', async () => {
    await join(url, { boards: [board('a-1', 'cooks')], name: 'one', labels: { zone: 'x' } })
    await join(url, { boards: [board('b-1', 'idle')], name: 'two', labels: { zone: 'y' } })

    const [ls, machines, some, totals, check, top] = await Promise.all([
      runCli(['ls', url]),
      runCli(['ls', '--machines', url]),
      runCli(['ls', '--label', 'zone=y', '--json', url]),
      runCli(['totals', url]),
      runCli(['check', '--min-live', '2', url]),
      runCli(['top', '--rounds', '1', url]),
    ])

    assert.deepEqual(
      [ls, machines, some, totals, check, top].map(({ code, stderr }) => [code, stderr]),
      [
        [0, ''],
        [0, ''],
        [0, ''],
        [0, ''],
        [0, ''],
        [0, ''],
      ],
    )
    const listed = rows(ls).map((cells) => [cells[0], cells[2], cells.at(-1)])
    assert.deepEqual(listed, [
      ['MACHINE', 'ID', 'STATUS'],
      ['one', 'a-1', 'cooks'],
      ['two', 'b-1', 'idle'],
    ])
    assert.deepEqual(
      rows(machines).map((cells) => [cells[0], cells[1], cells[3], cells.at(-1)]),
      [
        ['MACHINE', 'STATE', 'LIVE', 'LABELS'],
        ['one', 'live', '1', 'zone=x'],
        ['two', 'live', '1', 'zone=y'],
      ],
    )
    const [only, ...others] = JSON.parse(some.stdout).machines
    assert.deepEqual(others, [])
    assert.deepEqual([only.name, only.workers[0].status, only.workers[0].kind], ['two', 'idle', 'idle'])
    assert.equal(totals.stdout, '4\tjobs\n')
    assert.match(
      check.stdout,
      /^ROLLCALL OK - 2 live, 0 dead, 0 blocked, 2 machines \| .*lost_machines=0;;0;0 /,
    )
    assert.match(
      top.stdout,
      /2 machines; 2 living, 1 busy, 1 idle\n.*MACHINE[\s\S]*one .*cooks[\s\S]*two .*idle/,
    )
  })

  it('put a machine in by its agent, say that it is lost when that is killed, and forget it', async () => {
    const { baseDir } = board('a-1', 'cooks')
    const agent = await startAgent(url, '--name', 'one', '--label', 'zone=x', baseDir)
    const fleet = await look(url)
    await machine(fleet, 'one', ({ workers }) => workers[0]?.status === 'cooks')

    agent.child.kill('SIGKILL')
    await machine(fleet, 'one', ({ state }) => state === 'lost')

    const [living, all, check] = await Promise.all([
      runCli(['ls', url]),
      runCli(['ls', '--dead', url]),
      runCli(['check', url]),
    ])
    assert.match(
      living.stderr,
      /^rollcall: one is lost [\d.]+s, with 1 worker; rollcall ls --dead local:.* shows/,
    )
    assert.equal(rows(living).length, 1)
    assert.match(all.stdout, /one .*a-1 .*lost +cooks/)
    assert.equal(check.code, 2)
    assert.match(check.stdout, /^ROLLCALL CRITICAL - 0 live, 1 of 1 machine lost \(one lost [\d.]+s\)/)
    const forget = ['agent', '--fleet', url, '--forget', 'one']
    assert.deepEqual((await runCli(forget)).stdout, 'forgot one\n')
    assert.equal((await runCli(forget)).code, 66)
    assert.deepEqual((await fleet.snapshot()).machines, [])
  })

  it('say what an agent cannot read, what it waits for, and that it leaves', async () => {
    const root = tempDir()
    const bad = pathJoin(root, 'bad')
    mkdirSync(bad)
    writeFileSync(pathJoin(bad, 'board'), Buffer.alloc(5000, 'x'))
    const [none, dir] = [pathJoin(root, 'none'), board('a-1', 'cooks').baseDir]
    const agent = startCli(['agent', '--fleet', url, ...FAST, '--name', 'one', dir, bad, none])
    await agent.says(/one is in local:\S+, with \S+app\n/)
    await notes(agent, /cannot read the board in \S+bad: .*no board/)
    await notes(agent, /waits for a board in \S+none\n/)

    const [machines, check, ls] = await Promise.all([
      runCli(['ls', '--machines', url]),
      runCli(['check', url]),
      runCli(['ls', url]),
    ])
    assert.match(machines.stdout, /one .*! Its agent cannot read \S+bad: .*no board/)
    assert.match(
      check.stdout,
      /^ROLLCALL CRITICAL - 1 machine cannot be read \(one: Its agent cannot read .*bad/,
    )
    assert.match(ls.stderr, /one cannot be read, or not all of it: Its agent/)

    open({ baseDir: none, slots: 2 })
    await notes(agent, / reads the board in \S+none\n/)
    agent.child.kill('SIGTERM')
    const { stdout } = await agent.ended()
    assert.match(stdout, /one has left local:/)
  })

  it('let an agent take leave by Ctrl-C, with 0', async () => {
    const agent = await startAgent(url, '--name', 'one', board('a-1', 'cooks').baseDir)
    const fleet = await look(url)
    agent.child.kill('SIGINT')

    const { code, stderr } = await agent.ended()

    assert.deepEqual([code, stderr], [0, ''])
    await machine(fleet, 'one', ({ state }) => state === 'left')
  })

  it('tell what happens, a line each', async () => {
    const made = board('a-1', 'cooks')
    const watch = startCli(['watch', '--json', url])
    assert.equal((await watch.ended()).code, 66, 'there is no fleet yet')
    const member = await join(url, { boards: [made], name: 'one' })
    const [lines, text] = [startCli(['watch', '--json', url]), startCli(['watch', url])]
    await Promise.all([lines.says(/"new"/), text.says(/\+ one\/a-1 /)])

    made.update('serves')
    await Promise.all([lines.says(/"serves"/), text.says(/= one\/a-1 serves/)])
    await member.leave()
    await Promise.all([lines.says(/machine-left/), text.says(/- machine one left/)])
    lines.child.kill('SIGINT')

    const { code, stdout } = await lines.ended()
    const told = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    assert.equal(code, 0)
    assert.deepEqual(
      told
        // What a machine without time to spare may add.
        .filter(({ type }) => !/blocked|lost/.test(type))
        .map(({ type, machine, id, status }) => [type, machine, id, status]),
      [
        ['machine-joined', 'one', undefined, undefined],
        ['new', 'one', 'a-1', 'cooks'],
        ['update', 'one', 'a-1', 'serves'],
        ['machine-left', 'one', undefined, undefined],
      ],
    )
  })

  it('serve its page, its metrics and the discovery of pages', async () => {
    await join(url, { boards: [board('a-1', 'cooks')], name: 'one', page: 'http://one:9670/' })
    const serve = startCli(['serve', '--port', '0', url])
    await serve.says(/:(\d+)\//)
    const port = Number(/:(\d+)\//.exec(serve.stdout)![1])

    const page = await ask(port)
    const metrics = await ask(port, { path: '/metrics' })
    const discovery = await ask(port, { path: '/sd' })
    serve.child.kill('SIGINT')

    assert.match(page.body, /<h1>fleet<\/h1>[\s\S]*data-id="[^"]+"[\s\S]*>one</)
    assert.match(metrics.body, /^rollcall_machine_workers\{machine="one",state="busy"\} 1$/m)
    assert.deepEqual(JSON.parse(discovery.body)[0].targets, ['one:9670'])
    assert.deepEqual((await serve.ended()).code, 0)
  })

  it('show where a worker of this machine is, by its id or with its machine', async () => {
    await join(url, { boards: [board('a-1', 'cooks')], name: 'one' })

    const [here, named, nobody] = await Promise.all([
      runCli(['why', '--no-inspector', url, 'a-1']),
      runCli(['why', '--no-inspector', url, 'one/a-1']),
      runCli(['why', '--no-inspector', url, 'two/a-1']),
    ])

    assert.deepEqual([here.code, named.code, nobody.code], [0, 0, 66])
    assert.match(here.stdout, new RegExp(`^a-1 {2}pid ${process.pid} `))
  })

  it('have the commands of rollcall work in them, without an agent', async () => {
    const list = pathJoin(tempDir(), 'list')
    const go = pathJoin(tempDir(), 'go')
    writeFileSync(list, 'a photo\n')
    const words = ['sh', '-c', 'until [ -e "$0" ]; do sleep 0.05; done', go]
    const work = startCli(['work', '-a', list, '--fleet', url, '--id', 'w-1', '--', ...words])
    await eventually(async () => (await runCli(['ls', url])).stdout.includes('a photo'), 'the command')

    const { machines } = await (await look(url)).snapshot()
    writeFileSync(go, '')

    const [{ name, labels, workers, boards }] = machines as [MachineEntry]
    assert.deepEqual([name, labels], [`${hostname()}.${work.child.pid}`, { command: 'sh' }])
    assert.deepEqual(
      workers.map(({ id, status }) => [id, (status as { item: string }).item]),
      [['w-1', 'a photo']],
    )
    assert.equal((await work.ended()).code, 0)
    assert.equal(existsSync(boards[0]!.dir), false)
    await machine(await look(url), name, ({ state }) => state === 'left')
  })

  it('say what is missing, and what to give instead', async () => {
    const { baseDir } = board('a-1', 'cooks')
    const codes = await Promise.all([
      runCli(['agent', baseDir]),
      runCli(['agent', '--fleet', url]),
      runCli(['ls', url]),
      runCli(['ls', `local:${baseDir}`]),
      runCli(['top', '--sort', 'slot', url]),
      runCli(['ls', '--label', 'zone', url]),
    ])

    assert.deepEqual(
      codes.map(({ code }) => code),
      [64, 64, 66, 66, 64, 64],
    )
    const [noFleet, noBoard, , isBoard, sort] = codes.map(({ stderr }) => stderr)
    assert.match(noFleet!, /Which fleet\? Give --fleet <url> or set ROLLCALL_FLEET/)
    assert.match(noBoard!, /Which boards\? Give their directories/)
    assert.match(isBoard!, /it is a board, not a fleet: rollcall ls /)
    assert.match(sort!, /a fleet is not sorted by slot: give --sort state, machine/)
  })
})

describeZookeeper('The verbs of a fleet on a server', () => {
  it('are the same', async () => {
    const url = await uniqueUrl()
    const agent = await startAgent(url, '--name', 'one', board('a-1', 'cooks').baseDir)
    const fleet = await look(url)
    await machine(fleet, 'one', ({ workers }) => workers[0]?.status === 'cooks')

    const [ls, check] = await Promise.all([runCli(['ls', url]), runCli(['check', url])])
    agent.child.kill('SIGTERM')

    assert.match(ls.stdout, /one .*a-1 .*live +cooks/)
    assert.match(check.stdout, /^ROLLCALL OK - 1 live, 0 dead, 0 blocked, 1 machine /)
    assert.equal((await agent.ended()).code, 143)
    await machine(fleet, 'one', ({ state }) => state === 'left')
  })
})
