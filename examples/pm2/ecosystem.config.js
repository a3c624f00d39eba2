// pm2 start ecosystem.config.js; pm2 reload web; rollcall ls --dead /tmp/rollcall-pm2

module.exports = {
  apps: [{ name: 'web', script: 'server.js', instances: 4, exec_mode: 'cluster', wait_ready: true }],
}
