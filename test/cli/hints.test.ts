// What the command says to a caller that named the wrong directory, or the wrong verb.

import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { Fleet, Scoreboard, WatchdogQueue } from '../../lib'
import { placeHint } from '../../lib/cli/support/place-hints'
import { runCli } from '../support/cli'
import { tempDir } from '../support/temp-dir'

describe('rollcall, of a place that has nothing', () => {
  let root: string

  beforeEach(() => {
    root = tempDir()
  })

  function makeBoard(...names: string[]): string {
    const baseDir = join(root, ...names)
    mkdirSync(join(baseDir, '..'), { recursive: true })
    new Scoreboard({ baseDir, slots: 2 }).close()
    return baseDir
  }

  it('names the boards in it, around it, and of nearly its name', () => {
    const inside = makeBoard('app', 'web')

    assert.equal(placeHint(join(root, 'app'), 'board'), `; did you mean ${inside}?`)
    assert.equal(placeHint(join(inside, 'board'), 'board'), `; did you mean ${inside}?`)
    assert.equal(placeHint(join(inside, 'a', 'b', 'c'), 'board'), '')
    assert.equal(placeHint(join(inside, 'a'), 'board'), `; did you mean ${inside}?`)
    assert.equal(placeHint(join(root, 'app', 'wbe'), 'board'), `; did you mean ${inside}?`)
    const db = makeBoard('app', 'database')
    assert.equal(placeHint(join(root, 'app', 'databse'), 'board'), `; did you mean ${db}?`)
    assert.match(placeHint(join(root, 'app', 'other'), 'board'), /; did you mean \S+ or \S+\?$/)
  })

  it('names three of many, ready for a shell', () => {
    for (let i = 0; i < 5; i++) makeBoard('app', `it's ${i}`)

    const hint = placeHint(join(root, 'app'), 'board')

    assert.match(hint, /^; did you mean ('[^ ]+it'\\''s \d'( or )?){3}, or 2 more\?$/)
  })

  it('guesses not at all among very many', () => {
    for (let i = 0; i < 11; i++) makeBoard('app', `web-${i}`)

    assert.match(
      placeHint(join(root, 'app'), 'board'),
      /^; 11 directories in it or beside it have one, such as \S+$/,
    )
  })

  it('says that a file is no board', async () => {
    const file = join(root, 'file')
    writeFileSync(file, 'x')

    assert.match((await runCli(['ls', file])).stderr, /that is a file, and a board is a directory/)
  })

  it('tells a board from what is only called so', () => {
    mkdirSync(join(root, 'app', 'fake'), { recursive: true })
    writeFileSync(join(root, 'app', 'fake', 'board'), 'a board of wood')

    assert.equal(placeHint(join(root, 'app'), 'board'), '')
    assert.equal(placeHint(join(root, 'nothing', 'at', 'all'), 'board'), '')
  })

  it('tells a queue from a board, both ways', async () => {
    const board = makeBoard('board')
    const url = join(root, 'jobs', 'today')
    await using queue = await WatchdogQueue.connect(url)
    await queue.createQueue({ queue: ['a'] })

    const asBoard = await runCli(['ls', url])
    const asQueue = await runCli(['queue', 'status', '--queue', board])
    const above = await runCli(['queue', 'status', '--queue', join(root, 'jobs')])
    const nothingRun = await runCli(['run', '--queue', board, '--', 'true'])
    const folder = await runCli(['ls', root])

    assert.equal(asBoard.code, 66)
    assert.match(asBoard.stderr, /it is a queue, not a board: rollcall queue status --queue \/.*today\n/)
    assert.equal(asQueue.code, 66)
    assert.match(asQueue.stderr, /it is a board, not a queue: rollcall ls \/.*board \[ERR_NOT_FOUND\]\n/)
    assert.equal(above.code, 66)
    assert.ok(above.stderr.includes(`did you mean ${url}?`), above.stderr)
    assert.equal(nothingRun.code, 125)
    assert.match(nothingRun.stderr, /it is a board, not a queue/)
    assert.equal(folder.code, 66)
    assert.ok(folder.stderr.includes(`did you mean ${board}?`), folder.stderr)
    assert.match(placeHint('zk://host/jobs', 'board'), /rollcall queue status --queue zk:\/\/host\/jobs/)
  })

  it('tells a fleet from both, wherever one of them is wanted', async () => {
    const directory = join(root, 'fleet')
    const member = await Fleet.join(`local:${directory}`, { boards: [makeBoard('app')] })
    const [ls, kill, agent] = await Promise.all([
      runCli(['ls', directory]),
      runCli(['kill', `local:${directory}`, 'w']),
      runCli(['agent', '--fleet', directory, '/run/app']),
    ])
    await member.leave()

    const hint = `it is a fleet, not a board: rollcall ls local:${directory}`
    assert.ok(ls.stderr.includes(hint), ls.stderr)
    assert.ok(kill.stderr.includes(hint), kill.stderr)
    assert.equal(agent.code, 64)
    assert.ok(agent.stderr.includes(`did you mean local:${directory}?`), agent.stderr)
    assert.match(
      placeHint('zk://host/x', 'board'),
      /; that is the URL of a fleet or a queue: rollcall ls zk:/,
    )
    assert.match(placeHint('http://host:9670/', 'board'), /; that is a page/)
  })

  const verbs: [args: string[], guess: string | undefined][] = [
    [['tpo'], 'Did you mean top?'],
    [['count'], 'Did you mean rollcall queue count?'],
    [['cuont'], 'Did you mean rollcall queue count?'],
    [['queue', 'cleanup'], 'Did you mean rollcall cleanup?'],
    [['/run/app'], 'Did you mean rollcall ls /run/app?'],
    [
      ['zk://host/jobs'],
      'Did you mean rollcall ls zk://host/jobs, of a fleet, or rollcall queue status --queue zk://host/jobs?',
    ],
    [
      ['zks://host/jobs'],
      'Did you mean rollcall ls zks://host/jobs, of a fleet, or rollcall queue status --queue zks://host/jobs?',
    ],
    [['frobnicate'], undefined],
  ]
  it('guesses the verb, also of another command, or that it was left out', async () => {
    const runs = await Promise.all(verbs.map(([args]) => runCli(args)))

    runs.forEach(({ code, stderr }, at) => {
      const [, guess] = verbs[at]!
      assert.equal(code, 64)
      assert.match(stderr, /^rollcall: unknown command '/)
      if (guess === undefined) assert.doesNotMatch(stderr, /Did you mean/)
      else assert.ok(stderr.includes(`\n(${guess})\n`), stderr)
    })
  })

  it('knows the options of GNU parallel, and what they are called here', async () => {
    const { code, stderr } = await runCli(['work', '-a', 'list', '--retries', '3', '--', 'true'])

    assert.equal(code, 64)
    assert.match(
      stderr,
      /^rollcall: unknown option '--retries'\n\(GNU parallel has it. Here it is --attempts <n>\)\n/,
    )
  })
})
