// The samples of the documents run as pasted: in an empty project, from a file, in both module systems.

import assert from 'node:assert/strict'
import { isRequestStatus, Scoreboard } from '../../lib'
import { type Block, blocks, place } from '../support/documents'
import { eventually } from '../support/eventually'
import { request } from '../support/http'
import { type Sample, SampleProject, translate } from '../support/sample-project'
import { tempDir } from '../support/temp-dir'

/** `// worker.mjs` as the first line: a program that runs beside others. */
const fileName = ({ code }: Block) => /^\/\/ ([\w-]+\.[cm]?[jt]s)/.exec(code)?.[1]
/** It serves until somebody ends it. */
const isServer = ({ code }: Block) => code.includes('.listen(') && !/^ +server\.close\(\)$/m.test(code)
/** Nobody here is at the other end: it is compiled only. */
const needsServer = ({ code }: Block) => code.includes('zks://')

const started: Sample[] = []

function start(project: SampleProject, name: string): Sample {
  const sample = project.start(name)
  started.push(sample)
  return sample
}

async function endsWell({ ended, output }: Sample): Promise<void> {
  assert.deepEqual({ code: await ended, stderr: output.stderr }, { code: 0, stderr: '' })
  assert.notEqual(output.stdout, '')
}

describe('The samples', function () {
  this.timeout(120_000)

  afterEach(async () => {
    for (const { child, ended } of started.splice(0)) {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
      await ended
    }
  })

  const samples = blocks('js')

  it('are for every Node that is supported: no `using` in plain JavaScript', () => {
    for (const block of samples) {
      assert.doesNotMatch(block.code, /^\s*(await )?using \w+ =/m, place(block))
    }
  })

  for (const block of samples.filter((one) => fileName(one) === undefined && !isServer(one))) {
    it(`run as they are, by require and by import: ${place(block)}`, async () => {
      await Promise.all(
        translate(block.code).map(async ({ name, code }) => {
          const project = new SampleProject(tempDir())
          project.write(name, code)

          await endsWell(start(project, name))
        }),
      )
    })
  }

  for (const block of samples.filter(isServer)) {
    it(`serve, by require and by import: ${place(block)}`, async () => {
      await Promise.all(
        translate(block.code).map(async ({ name, code }) => {
          const project = new SampleProject(tempDir())
          project.write(name, code)
          const server = start(project, name)
          const isCluster = code.includes('cluster.fork()')
          await eventually(
            () => server.ports().length >= (isCluster ? 3 : 1),
            () => `it to listen: ${server.output.stderr}`,
          )

          const answers = await Promise.all(server.ports().map((port) => request(port, '/')))

          for (const { status } of answers) assert.equal(status, 200)
          if (/instrument\(|Middleware|fastifyPlugin/.test(code)) await isOnItsBoard(project, code)
          if (code.includes("'SIGUSR2'")) await restartsAndEnds(project, code, server)
          assert.equal(server.output.stderr, '')
        }),
      )
    })
  }

  /** What the server has answered can be seen by others. */
  async function isOnItsBoard(project: SampleProject, code: string): Promise<void> {
    const [, name] = /\/tmp\/([\w-]+)/.exec(code)!
    using board = new Scoreboard({ baseDir: `${project.folder}/${name}`, readOnly: true })
    const served = () => board.snapshot().workers.map(({ status }) => isRequestStatus(status) && status.path)
    await eventually(
      () => served().includes('/'),
      () => `a request on the board: ${JSON.stringify(served())}`,
    )
  }

  /** Workers are replaced one by one and then all end, well. */
  async function restartsAndEnds(project: SampleProject, code: string, server: Sample): Promise<void> {
    const [, name] = /\/tmp\/([\w-]+)/.exec(code)!
    using board = new Scoreboard({ baseDir: `${project.folder}/${name}`, readOnly: true })
    const seen = () => {
      const { ended, died } = board.ended()
      return { ended, died, living: board.snapshot().workers.length }
    }
    // A worker comes to the board with its first request.
    const asked = async (expected: ReturnType<typeof seen>) => {
      await eventually(
        async () => {
          await request(server.ports().at(-1)!, '/')
          return JSON.stringify(seen()) === JSON.stringify(expected)
        },
        () => `${JSON.stringify(expected)}: ${JSON.stringify(seen())} ${server.output.stderr}`,
      )
    }
    await asked({ ended: 0, died: 0, living: 2 })
    server.child.kill('SIGUSR2')
    await asked({ ended: 2, died: 0, living: 2 })
    server.child.kill('SIGTERM')

    assert.equal(await server.ended, 0)
    assert.deepEqual(seen(), { ended: 4, died: 0, living: 0 })
  }

  it('do their work together where they are a master and a worker', async () => {
    const project = new SampleProject(tempDir())
    const programs = samples.filter((block) => fileName(block) !== undefined)
    for (const block of programs) project.write(fileName(block)!, block.code)
    assert.deepEqual(programs.map(fileName), ['master.mjs', 'worker.mjs'])

    const [master, worker] = programs.map((block) => start(project, fileName(block)!))

    await Promise.all([endsWell(master!), endsWell(worker!)])
    assert.match(master!.output.stdout, /^all is well 3 done, 0 dead\nworker-\d+ finished\n$/)
    const steps = ['a.jpg', 'b.jpg', 'c.jpg'].flatMap((item) =>
      [1, 2, 3].map((step) => `${item} step ${step}`),
    )
    assert.deepEqual(worker!.output.stdout.trim().split('\n').sort(), steps)
  })

  it('compile where they are TypeScript, and then run', async () => {
    const project = new SampleProject(tempDir())
    const programs = blocks('ts').map((block) => {
      const name = fileName(block)
      assert.ok(name !== undefined, `${place(block)} begins with the name of its file`)
      project.write(name, block.code)
      return { name, runs: !needsServer(block) }
    })
    const running = programs.filter(({ runs }) => runs)
    assert.ok(running.length > 0)

    assert.equal(project.compile(programs.map(({ name }) => name)), '')

    for (const { name } of running) await endsWell(start(project, name.replace(/ts$/, 'js')))
  })
})
