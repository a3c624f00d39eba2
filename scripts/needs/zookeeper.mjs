// Finds a ZooKeeper server for the tests and the benchmarks, installs Debian's package where it
// may, and otherwise says what to do. Prints {"java", "classpath", "version", "from"} on standard output.
//
//   node scripts/needs/zookeeper.mjs [--no-install]
//
// Looked for, in this order: ZOOKEEPER_HOME (an unpacked release), the system's zookeeper.jar.

import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { basename, delimiter, dirname, join } from 'node:path'
import { installDebianPackages } from './debian.mjs'

const SYSTEM_JARS = ['/usr/share/java/zookeeper.jar', '/usr/share/java/zookeeper/zookeeper.jar']

const NETTY_PARTS = ['codec', 'resolver', 'transport-native-unix-common']

function fail(message) {
  console.error(`${message}

The queue's tests need a ZooKeeper server. Either
  - set ZOOKEEPER_HOME to an unpacked ZooKeeper release (3.5 or newer), or
  - install your system's package (Debian, Ubuntu: apt-get install zookeeper), or
  - set ROLLCALL_TEST_ZOOKEEPER=skip to leave those tests out.`)
  process.exit(1)
}

function javaCommand() {
  const candidates = [process.env.JAVA_HOME && join(process.env.JAVA_HOME, 'bin', 'java'), 'java'].filter(
    Boolean,
  )
  return candidates.find((java) => spawnSync(java, ['-version']).status === 0)
}

function fromHome(home) {
  for (const folder of [join(home, 'lib'), home]) {
    const jars = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.jar')) : []
    if (jars.some((name) => /^zookeeper-\d/.test(name)))
      return jars.map((name) => join(folder, name)).join(delimiter)
  }
  return fail(`ZOOKEEPER_HOME is ${home}, but no zookeeper-*.jar is there or in its lib folder.`)
}

/** From the name of the jar; Debian's has one without a version, and a link beside it that has it. */
function versionOf(classpath) {
  const [first] = classpath.split(delimiter)
  const names = [...classpath.split(delimiter).map((jar) => basename(jar)), ...readdirSync(dirname(first))]
  return (
    names.map((name) => /^zookeeper-(\d[\w.]*?)\.jar$/.exec(name)?.[1]).find(Boolean) ?? 'of unknown version'
  )
}

function find() {
  if (process.env.ZOOKEEPER_HOME)
    return { classpath: fromHome(process.env.ZOOKEEPER_HOME), from: 'ZOOKEEPER_HOME' }
  const jar = SYSTEM_JARS.find((path) => existsSync(path))
  if (jar === undefined) return undefined
  // Debian's jar names others by itself, but not all that Netty needs for TLS.
  const netty = NETTY_PARTS.map((part) => join(dirname(SYSTEM_JARS[0]), `netty-${part}.jar`)).filter(
    existsSync,
  )
  return { classpath: [jar, ...netty].join(delimiter), from: jar }
}

let server = find()
if (server === undefined || javaCommand() === undefined) {
  if (!process.argv.includes('--no-install')) installDebianPackages('zookeeper')
  server = find() ?? fail('No ZooKeeper server was found.')
}
const java = javaCommand() ?? fail('A ZooKeeper server was found, but no Java to run it.')
console.log(JSON.stringify({ java, ...server, version: versionOf(server.classpath) }))
