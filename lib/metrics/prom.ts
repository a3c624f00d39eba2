// The metrics of prom-client registries, as metrics.ts loads them: what is published, and what is made of it.

export { clusterMetrics } from './prom-client'
export { publishMetrics } from './prom-publisher'
