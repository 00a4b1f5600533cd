<?php
// SPDX-License-Identifier: ISC
// Sends the messages of a job with PHPMailer over one kept connection: send.php JOB.json
require_once 'libphp-phpmailer/autoload.php';
$job = json_decode(file_get_contents($argv[1]), true);
$mail = new PHPMailer\PHPMailer\PHPMailer(true);
$mail->isSMTP();
$mail->Host = $job['host'];
$mail->Port = $job['port'];
$mail->Helo = 'vm.tenant.example';
$mail->SMTPSecure = $job['wrapped'] ? 'ssl' : 'tls';
$mail->SMTPOptions = ['ssl' => ['verify_peer' => false, 'verify_peer_name' => false, 'allow_self_signed' => true]];
$mail->SMTPKeepAlive = true;
$mail->SMTPAuth = $job['auth'];
$mail->Username = 'user';
$mail->Password = 'secret';
foreach ($job['messages'] as $m) {
	$mail->clearAllRecipients();
	$mail->setFrom($m['from']);
	foreach ($m['to'] as $to)
		$mail->addBCC($to);
	$mail->Subject = 'News';
	$mail->Body = substr($m['text'], strpos($m['text'], "\n\n") + 2);
	try { $mail->send(); } catch (Exception $e) { }
}
$mail->smtpClose();
