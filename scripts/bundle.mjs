// Makes dist/package, the JavaScript that is published, from lib/: `npm run build:package`, in a tenth of a second.
//
// Loading a file costs Node ten times what compiling it does, so what is always used comes in few files: each bundle has
// all modules that its entries import with `import ... from` and no earlier bundle has. What is loaded only when it is
// used, by `require()` or `import()`, stays a file of its own. Every module is there once: the files of those that are in
// a bundle hand out what the bundle has.

import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join, posix, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
const LIB = join(ROOT, 'lib')
const require = createRequire(import.meta.url)

/** What index.js, the main file, hands out. */
const FACE = 'rollcall.js'

const OF_VERBS = [
  'cli/parse/fleet-flags',
  'cli/parse/queue-flags',
  'cli/support/board-or-fleet',
  'cli/support/open-board',
  'cli/support/open-fleet',
  'cli/support/open-queue',
]

/**
 * In this order. `main` is a module whose exports are the bundle's own; `packages` become a part of it, each with its
 * licence, and so do not have to be installed.
 */
const BUNDLES = [
  {
    file: 'util.js',
    entries: [...modules().filter((name) => name.startsWith('util/')), 'view/escape-controls'],
    isShared: true,
  },
  { file: FACE, main: 'index', entries: ['index'], packages: ['node-gyp-build'], isShared: true },
  { file: 'queue/inside.js', main: 'queue/inside', entries: ['queue/inside'] },
  {
    file: 'queue/store/local/store.js',
    main: 'queue/store/local/store',
    entries: ['queue/store/local/store'],
  },
  { file: 'metrics/prom.js', main: 'metrics/prom', entries: ['metrics/prom'] },
  { file: 'page/status-page.js', main: 'page/status-page', entries: ['page/status-page'] },
  { file: 'http/tracker.js', main: 'http/tracker', entries: ['http/tracker', 'http/request-hook'] },
  {
    file: 'cli/main.js',
    main: 'cli/main',
    // And what nearly every verb takes; it loads neither boards nor queues before they are asked for.
    entries: ['cli/main', ...OF_VERBS],
    isShared: true,
  },
  { file: 'cli/verbs/ls.js', main: 'cli/verbs/ls', entries: ['cli/verbs/ls'] },
  {
    file: 'cli/verbs/work/work.js',
    main: 'cli/verbs/work/work',
    entries: ['cli/verbs/work/work', 'cli/verbs/work/run-work'],
  },
  {
    file: 'terminal/render.js',
    main: 'terminal/render',
    entries: ['terminal/render'],
    isShared: true,
  },
]

/** A package of many files as one, for all who use it. */
const VENDORED = { commander: 'cli/commander.js' }

/** Under this property a bundle keeps all of its modules, by name. Not for users, so it is not enumerable. */
const MODULES = "Symbol.for('rollcall.modules')"

const COMMON = {
  absWorkingDir: ROOT,
  platform: 'node',
  format: 'cjs',
  target: 'node20.19',
  // `import()` would start Node's second module loader, for files that the first one knows.
  supported: { 'dynamic-import': false },
  tsconfigRaw: { compilerOptions: { target: 'es2023', useDefineForClassFields: true } },
  logLevel: 'warning',
}

const wanted = process.argv[2] ?? join(ROOT, 'dist', 'package')
// Beside it first, so that nobody ever sees half of it.
const half = `${wanted}.${process.pid}`
await bundlePackage(half)
rmSync(wanted, { recursive: true, force: true })
renameSync(half, wanted)

async function bundlePackage(out) {
  /** The bundle that has a module, by the module's name. */
  const homes = new Map()
  const isMain = (name) => BUNDLES.some(({ main }) => main === name)
  const shared = BUNDLES.filter(({ isShared }) => isShared)
  for (const bundle of shared) {
    for (const name of await modulesOf(bundle, homes)) homes.set(name, bundle.file)
  }
  const lost = [...homes].find(([name, home]) => home === 'cli/main.js' && !name.startsWith('cli/'))
  // Whoever loads that file runs the command.
  if (lost) throw new Error(`${lost[0]} would be in the bundle of the command: give it an earlier one`)
  const reached = new Map()
  for (const bundle of BUNDLES.filter(({ isShared }) => !isShared)) {
    for (const name of await modulesOf(bundle, homes))
      reached.set(name, [...(reached.get(name) ?? []), bundle.file])
  }
  for (const [name, files] of reached) homes.set(name, files.length === 1 ? files[0] : `${name}.js`)
  for (const bundle of BUNDLES) await makeBundle(out, bundle, homes)
  for (const [name, file] of Object.entries(VENDORED)) await makeVendored(out, name, file)
  const separate = modules().filter(
    (name) => (homes.get(name) ?? `${name}.js`) === `${name}.js` && !isMain(name),
  )
  for (const name of separate) await makeSeparate(out, name)
  for (const [name, home] of homes) {
    if (home === `${name}.js`) continue
    const file = join(out, `${name}.js`)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, `module.exports = ${takenFrom(home, name)}\n`)
  }
  writeFace(out)
  startByName(join(out, 'cli', 'main.js'))
}

/** The command of the package: the bundler keeps the line that says what runs it of no entry but its own stand-in's. */
function startByName(file) {
  const text = readFileSync(file, 'utf8')
  if (!text.startsWith('#!')) writeFileSync(file, `#!/usr/bin/env node\n${text}`)
}

/**
 * The main file: only the names. `import` searches the whole text of a CommonJS file for them, which takes it longer than
 * loading the file does; what is called `module.exports = require(...)` it would search too.
 */
function writeFace(out) {
  const [names] = /0\s*&&\s*\(module\.exports\s*=\s*\{[^}]*\}\)/.exec(readFileSync(join(out, FACE), 'utf8'))
  writeFileSync(join(out, 'index.js'), `const all = require('./${FACE}')\nmodule.exports = all\n${names}\n`)
}

/** The names of all modules: their paths below lib/, without the ending. */
function modules() {
  return readdirSync(LIB, { recursive: true })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
    .map((name) => name.slice(0, -'.ts'.length))
    .sort()
}

/** The modules that a bundle's entries import with `import ... from`, and that have no home yet. */
async function modulesOf(bundle, homes) {
  const { metafile } = await build(optionsOf('', bundle, homes, bundle.entries, false))
  return modules().filter((name) => `lib/${name}.ts` in metafile.inputs)
}

async function makeBundle(out, bundle, homes) {
  const own = [...homes].filter(([, home]) => home === bundle.file).map(([name]) => name)
  await build(optionsOf(out, bundle, homes, own, true))
}

/** @param file what the package is from now on, below `out` */
async function makeVendored(out, name, file) {
  // It would load half of Node's modules, for commands that are programs of their own, and none of ours is.
  const late = "module.exports = { spawn: (...args) => require('child_process').spawn(...args) }"
  const plugin = {
    name: 'late',
    setup(builder) {
      builder.onResolve({ filter: /^node:child_process$/ }, () => ({ path: 'late', namespace: 'late' }))
      builder.onLoad({ filter: /.*/, namespace: 'late' }, () => ({ contents: late }))
    },
  }
  await build({
    ...COMMON,
    bundle: true,
    entryPoints: [require.resolve(name)],
    outfile: join(out, file),
    banner: { js: licence(name) },
    minifyWhitespace: true,
    lineLimit: 120,
    plugins: [plugin],
  })
}

async function makeSeparate(out, name) {
  const file = `${name}.js`
  await build({
    ...COMMON,
    bundle: true,
    entryPoints: [`lib/${file.replace(/js$/, 'ts')}`],
    outfile: join(out, file),
    plugins: [boundaries(file, undefined, [])],
  })
}

function optionsOf(out, { file, main, packages = [] }, homes, names, write) {
  const imports = names.map((name, i) => `import * as m${i} from './${name}.ts'`)
  const table = names.map((name, i) => `'${name}': m${i}`)
  return {
    ...COMMON,
    bundle: true,
    stdin: {
      contents: [
        ...imports,
        `Object.defineProperty(module.exports, ${MODULES}, { value: { ${table.join(', ')} } })`,
        main === undefined ? 'export {}' : `export * from './${main}.ts'`,
      ].join('\n'),
      resolveDir: LIB,
      sourcefile: `(${basename(file)})`,
      loader: 'ts',
    },
    outfile: join(out, file),
    sourcemap: 'linked',
    minifyWhitespace: true,
    lineLimit: 120,
    legalComments: 'none',
    metafile: true,
    write,
    banner: { js: packages.map(licence).join('\n') },
    plugins: [boundaries(file, homes, packages)],
  }
}

/** What does not become a part of the bundle: modules of earlier ones, and what is loaded when it is used. */
function boundaries(file, homes, packages) {
  return {
    name: 'boundaries',
    setup(builder) {
      builder.onResolve({ filter: /^\.\.?\// }, ({ path, kind, importer, namespace }) => {
        if (namespace !== 'file' || !importer.startsWith(LIB)) return undefined
        const target = relative(LIB, resolve(dirname(importer), path)).replace(/\.(js|ts)$/, '')
        const isLate = kind === 'require-call' || kind === 'dynamic-import' || kind === 'require-resolve'
        const home = homes?.get(target)
        if (home !== undefined && home !== file && home !== `${target}.js`) {
          return { path: target, namespace: 'elsewhere' }
        }
        if (isLate || homes === undefined) return { path: from(file, target), external: true }
        return undefined
      })
      builder.onResolve({ filter: /^[^.(/]/ }, ({ path }) => {
        if (packages.includes(path)) return undefined
        return { path: path in VENDORED ? from(file, VENDORED[path]) : path, external: true }
      })
      builder.onLoad({ filter: /.*/, namespace: 'elsewhere' }, ({ path }) => ({
        contents: `module.exports = ${takenFrom(homes.get(path), path, file)}`,
        resolveDir: LIB,
      }))
      builder.onResolve({ filter: /.*/, namespace: 'elsewhere' }, ({ path }) => ({ path, external: true }))
    },
  }
}

function licence(name) {
  const folder = join(ROOT, 'node_modules', name)
  const file = readdirSync(folder).find((file) => /^licen[cs]e/i.test(file))
  const text = readFileSync(join(folder, file), 'utf8').trim().replaceAll('*/', '* /')
  return `/* Has the package ${name} in it:\n\n${text}\n*/`
}

/** The expression by which the file `user` takes a module out of the bundle that has it. */
function takenFrom(home, name, user = `${name}.js`) {
  if (!BUNDLES.some(({ file }) => file === home)) return `require('${from(user, home)}')`
  return `require('${from(user, home)}')[${MODULES}]['${name}']`
}

function from(file, target) {
  const path = posix.relative(posix.dirname(file), target)
  return path.startsWith('.') ? path : `./${path}`
}
