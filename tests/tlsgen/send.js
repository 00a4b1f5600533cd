// SPDX-License-Identifier: ISC
// Sends the messages of a job with nodemailer over one pooled connection: send.js JOB.json
const nodemailer = require('nodemailer');
const job = JSON.parse(require('fs').readFileSync(process.argv[2]));
const transport = nodemailer.createTransport({
	host: job.host, port: job.port, secure: job.wrapped, requireTLS: true, pool: true, maxConnections: 1,
	maxMessages: 1000, name: 'vm.tenant.example', tls: { rejectUnauthorized: false },
	auth: job.auth ? { user: 'user', pass: 'secret' } : undefined,
});
(async () => {
	for (const m of job.messages)
		await transport.sendMail({ envelope: { from: m.from, to: m.to }, raw: m.text }).catch(() => {});
	transport.close();
})();
