/* SPDX-License-Identifier: ISC */
/*
 * The table of refusals: what the remote's words say about the sender.  First row that fits wins,
 * so the order is part of the meaning: texts about the sender's address (a call-out can quote "user
 * unknown"), texts that say nothing, unknown recipients, full mailboxes, then greylisting, rate,
 * lists, authentication, policy, and only at the end the enhanced codes alone (RFC 3463 and IANA's
 * registry), because servers often answer "550 5.7.1 No such user".  Data only.  bulkhead-sensor,
 * replay.
 */
#include "sensor/smtp_reply.h"

#define ANY (-1)

const struct smtp_reply_rule smtp_reply_rules[] = {
    /* The sender's address was checked, not the recipient's. */
    {OBS_REMOTE_AUTH, 0, ANY, ANY,
	"sender address rejected|sender verify failed|sender verification|"
	"verification failed for|invalid sender domain|domain of sender address|"
	"sender domain must|unroutable sender|unrouteable sender|unresolvable sender|valid sender "
	"domain",
	"Postfix smtpd, Exim callout, Sendmail"},

    /* Refusals that say nothing about the sender. */
    {OBS_REMOTE_NONE, 0, ANY, ANY, "outbound smtp blocked by provider",
	"bulkhead-notice: the provider's own words, not the destination's"},
    {OBS_REMOTE_NONE, 0, ANY, ANY,
	"relay access denied|relaying denied|relay not permitted|"
	"not permitted to relay|unable to relay|relaying not allowed|we do not relay|no "
	"relaying|as a relay|"
	"relay denied|authentication required|authrequired|must be authenticated|need to "
	"authenticate",
	"Postfix, Sendmail, Exim, Exchange"},
    {OBS_REMOTE_NONE, 0, ANY, ANY,
	"must issue a starttls|requires encrypt|message too large|size limit|"
	"recipsizelimit|maximum message size|message size exceeds|too many hops|queue.expired|"
	"length exceeds",
	"Postfix, Exchange, RFC 1870"},
    {OBS_REMOTE_NONE, 0, ANY, ANY,
	"receiving mail at a rate|receiving mail too quickly|"
	"recipient * exceeded their message rate|recipient mailbox is busy",
	"Gmail 4.2.1 5.2.1, Yandex: the recipient's rate, not the sender's"},
    {OBS_REMOTE_NONE, 4, ANY, ANY,
	"timeout waiting for client|timeout exceeded|connection timed out",
	"Postfix, Symantec: the session was slow, whoever sends"},
    {OBS_REMOTE_GREYLIST, 4, ANY, ANY, "unverified address|verification in progress",
	"Postfix verify(8)"},

    /* No such recipient. */
    {OBS_REMOTE_UNKNOWN, 0, ANY, ANY,
	"user unknown|unknown user|unknown recipient|recipient unknown|"
	"unknown address|address unknown|unknown mailbox|mailbox unknown|unknown account|account "
	"unknown|"
	"unknown local part|unknown email|unknown in * table|addressee unknown|unknown or illegal",
	"Postfix, Sendmail, Exim, iCloud, Amazon SES"},
    {OBS_REMOTE_UNKNOWN, 0, ANY, ANY,
	"no such user|no such recipient|no such mailbox|no such address|"
	"no such person|no such email|no such account|no such local|no such domain|no mailbox|no "
	"mail box|"
	"no account by that|no one with that|no user with",
	"qmail, Exim, Yandex, Courier, Barracuda"},
    {OBS_REMOTE_UNKNOWN, 0, ANY, ANY,
	"user not found|mailbox not found|recipient not found|"
	"account not found|address not found|recipientnotfound|recipnotfound|email address was not "
	"found|"
	"could not be found|user_not_found|recipients not found|recipient cannot be found|is not "
	"found",
	"QQ, 163, Exchange, Mail.ru"},
    {OBS_REMOTE_UNKNOWN, 0, ANY, ANY,
	"does not exist|doesn't exist|do not exist|not exist|"
	"no longer exists|doesn't have a * account|account or domain may not exist|is not a known "
	"user|"
	"not a valid user|not a valid mailbox|not a valid recipient|not a registered|"
	"no longer on server|not known to this|not known at this|not our customer|not a member",
	"Gmail, Yahoo, cPanel, IBM"},
    {OBS_REMOTE_UNKNOWN, 0, ANY, ANY,
	"invalid recipient|invalid mailbox|invalid address|invalid user|"
	"invalid account|recipient is invalid|bad destination mailbox|bad address|recipient "
	"rejected|"
	"badrcptto|unrouteable address|unroutable address|unrouteable|undeliverable address|"
	"address is undeliverable|address rejected (#|recipient address is not",
	"Mail.ru, Exim, Postfix, qmail"},
    {OBS_REMOTE_UNKNOWN, 5, ANY, ANY,
	"mailbox unavailable|mailbox not available|mailbox is unavailable|"
	"local mailbox * is unavailable|dosn't exist",
	"RFC 5321 550, Outlook, GMX, QQ, Mail.ru"},
    {OBS_REMOTE_UNKNOWN, 5, 4, 1, "recipient address rejected: access denied",
	"Exchange Online directory-based edge blocking"},
    {OBS_REMOTE_UNKNOWN, 0, ANY, ANY,
	"пользователь не найден|нет такого пользователя|"
	"пользователя не существует|почтовый ящик не существует|ящик не найден|адрес не существует|"
	"неизвестный пользователь|такого адреса не",
	"Russian"},
    {OBS_REMOTE_UNKNOWN, 0, ANY, ANY,
	"empfänger unbekannt|unbekannter empfänger|benutzer unbekannt|"
	"empfaenger unbekannt|existiert nicht|unbekannter benutzer|adresse nicht "
	"gefunden|unbekannte adresse",
	"German"},
    {OBS_REMOTE_UNKNOWN, 0, ANY, ANY,
	"destinataire invalide|destinataire inconnu|utilisateur inconnu|"
	"n'existe pas|adresse inconnue|boite inconnue|boîte inconnue",
	"Orange, La Poste"},
    {OBS_REMOTE_UNKNOWN, 0, ANY, ANY,
	"usuario desconocido|no existe|destinatario desconocido|"
	"usuário desconhecido|usuario desconhecido|usuário não encontrado|não existe|nao existe|"
	"destinatario sconosciuto|utente sconosciuto|indirizzo inesistente|nie istnieje|nie ma "
	"takiego",
	"Spanish, Portuguese, Italian, Polish"},
    {OBS_REMOTE_UNKNOWN, 0, ANY, ANY,
	"用户不存在|邮箱不存在|收件人不存在|找不到用户|地址不存在|"
	"無此使用者|使用者不存在",
	"Chinese"},

    /* Mailbox full, disabled or moved. */
    {OBS_REMOTE_FULL, 0, ANY, ANY,
	"over quota|overquota|over * quota|quota exceeded|exceeded * quota|"
	"exceeds * quota|quota * exceeded|quotaexceeded|out of storage|mailbox full|mailbox is "
	"full|"
	"mailbox has exceeded|storage full|user is full|inbox is full|not have enough|exceeded "
	"storage|"
	"full mailbox|maildir over",
	"Gmail, Exchange, Postfix, Dovecot, RFC 5321 552"},
    {OBS_REMOTE_FULL, 0, ANY, ANY,
	"disabled or discontinued|account has been disabled|"
	"account is disabled|account disabled|mailbox disabled|mailbox is disabled|user is "
	"disabled|"
	"mailbox is frozen|account that you tried to reach is disabled|is inactive|inactive "
	"account|"
	"account inactive|inactive user|disabled recipient|mailbox is inactive|user disabled|"
	"account has been suspended|account is suspended|account suspended|no longer accepts mail|"
	"account is unavailable|mailbox locked|account has been locked|has been deactivated",
	"Gmail 5.2.1, Yahoo, Mail.ru, i.ua, RFC 7505"},
    {OBS_REMOTE_FULL, 0, ANY, ANY,
	"ящик переполнен|ящик заблокирован|ящик отключ|квота|"
	"postfach voll|postfach ist voll|speicherplatz|boîte pleine|boite pleine|quota dépass|"
	"buzón lleno|buzon lleno|caixa cheia|casella piena|邮箱已满|邮箱满|信箱已滿|账号被禁用",
	"Russian, German, French, Spanish, Portuguese, Italian, Chinese"},

    /* Greylisting: only the word itself, before "try again later" of a limit. */
    {OBS_REMOTE_GREYLIST, 0, ANY, ANY,
	"greylist|graylist|grey-list|gray-list|grey list|postgrey|"
	"isg.ee|greylisted|серый список|серые списки",
	"Postgrey, Milter-greylist, Exim"},

    /* The address is on a block list: names of lists and of the vendors that run them. */
    {OBS_REMOTE_LISTED, 0, ANY, ANY,
	"spamhaus|barracudacentral|barracudanetworks.com/reputation|sorbs.net|"
	"spamcop|uceprotect|abuseat.org|spamrats|mailspike|senderscore|invaluement|spfbl|psbl.|"
	"surriel|"
	"spameatingmonkey|mail-abuse|junkemailfilter|manitu.net|wpbl.info|backscatterer|dnsbl|"
	"abusix|nixspam|gbudb|hostkarma|0spam|justspam|s5h.net|blocklist.de|zapbl|rbl.jp|"
	"drbl|swinog|unsubscore|bsn.borderware|imp.ch|kempt.net|truncate.gbudb|rats-",
	"names of DNS block lists"},
    {OBS_REMOTE_LISTED, 0, ANY, ANY,
	"blocked using|is listed|was listed|are listed|been listed|listed on|"
	"listed in|listed by|listed at|on our block list|our block list|blocklist|block "
	"list|blacklist|"
	"black list|black-list|blocked list|denylist|deny list|in an rbl|an rbl|by rbl| rbl |"
	"rejected by rbl|blocked by * rbl",
	"Postfix reject_rbl_client, Outlook S3150, GMX, cPanel"},

    /* Too much from this address. */
    {OBS_REMOTE_RATE, 0, ANY, ANY,
	"unusual rate|rate limit|rate-limit|ratelimit|rate exceeded|"
	"rate has exceeded|exceeded * rate|exceeds * rate|sending rate|message rate|connection "
	"rate|"
	"frequency limited|frequency * exceed|throttl|too fast|slow down|reduce your * rate|"
	"[tss0|unexpected volume|user complaints|unusual traffic|unusual amount|"
	"from your ip too|volume of|high volume|hl:ifc|hl:icc|rp:cel|rp:drc|exceeded the rate",
	"Gmail 4.7.28, Yahoo TSS04, Outlook RP-001, QQ, 163"},
    {OBS_REMOTE_RATE, 0, ANY, ANY,
	"too many connections|too many messages|too many recipients|"
	"too many concurrent|too many sessions|too many mails|too many emails|too many requests|"
	"too much mail|too many errors|connection limit|concurrent connections|connections limit|"
	"max connections|exceeded the maximum|message limit|recipients limit|recipient limit|"
	"daily limit|hourly limit|limit exceeded|sending limit|quota of messages|too many invalid|"
	"too many unknown|excessive * unknowns|too many bad",
	"Postfix anvil, Sendmail, Comcast, Mail.ru"},
    {OBS_REMOTE_RATE, 4, 7, 28, "", "Gmail"},
    {OBS_REMOTE_RATE, 4, 7, 650, "", "Outlook.com"},
    {OBS_REMOTE_RATE, 4, 7, 500, "", "Exchange Online: server busy, throttled source"},
    {OBS_REMOTE_RATE, 0, ANY, ANY,
	"слишком много|превышен лимит|превышено количество|частота отправки|"
	"zu viele|trop de|demasiad|muitas conex|troppe|发送频率|频率限制|频率受限",
	"Russian, German, French, Spanish, Portuguese, Italian, Chinese"},

    /* The address again, in vaguer words (Gmail says of a limit that the address "has been
       blocked"). */
    {OBS_REMOTE_LISTED, 0, ANY, ANY,
	"banned sending ip|banned ip|banned host|ip address * blocked|"
	"your ip * blocked|ip * is blocked|ip has been blocked|from your ip blocked|access from ip "
	"address|"
	"host is blocked|your host * blocked|your network * "
	"blocked|cloudmark|ipcheck.proofpoint|hl:ipb|"
	"ip: blocked|ip is blocked|ip blocked|is not allowed to connect|"
	"blocked * ip address",
	"Exchange Online 5.7.511 5.7.606, Mail.ru, Proofpoint, 163"},
    {OBS_REMOTE_LISTED, 5, 7, 606, "", "Exchange Online: banned sending IP"},
    {OBS_REMOTE_LISTED, 0, ANY, ANY,
	"чёрном списке|черном списке|чёрный список|черный список|"
	"schwarzen liste|sperrliste|liste noire|lista negra|lista nera|黑名单|黑名單",
	"Russian, German, French, Spanish, Portuguese, Italian, Chinese"},

    /* Sender authentication. */
    {OBS_REMOTE_AUTH, 0, ANY, ANY,
	"spf check|spf record|spf fail|spf validation|spf policy|spf softfail|"
	"spf: fail|spf lookup|failed spf|fails spf|pass spf|due to spf|by spf|spf authentication|"
	"openspf.|sender policy framework|not allowed to send from|not designated|spf hardfail|not "
	"permitted by spf",
	"Gmail 5.7.26 5.7.27, QQ, Exim, GoDaddy IB508"},
    {OBS_REMOTE_AUTH, 0, ANY, ANY,
	"dmarc|dkim|unauthenticated|required authentication level|"
	"sender is not authenticated|not authenticated|authentication checks|authentication "
	"information",
	"Gmail 5.7.26, Exchange Online 5.7.515, Yahoo"},
    {OBS_REMOTE_AUTH, 0, ANY, ANY,
	"reverse dns|ptr record|ptr resource|rdns|reverse hostname|"
	"reverse lookup|no ptr|missing ptr|dns ptr|ip name lookup failed|cannot find your hostname|"
	"cannot find your reverse|helo command rejected|invalid helo|bad helo|forged helo|helo "
	"name|"
	"ehlo name|host not found|reverse-dns|ptr-record|обратн|pas de reverse",
	"GMX, Comcast, Postfix, Gmail 4.7.23"},

    /* Refused as spam, or by policy. */
    {OBS_REMOTE_POLICY, 0, ANY, ANY,
	"spam|unsolicited|bulk mail|bulk email|junk mail|junkmail|"
	" ube|[hm0|[cs0|virus|malware|phish|dt:spm|content denied|content rejected|message content|"
	"uribl|surbl|bad reputation|poor reputation|low reputation|reputation|suspicious",
	"SpamAssassin, amavis, Mail.ru, Yandex, Gmail, iCloud, QQ, 163"},
    {OBS_REMOTE_POLICY, 0, ANY, ANY,
	"policy|administrative prohibition|administratively|"
	"prohibited|not allowed|not accepted|access denied|is denied|blocked|banned|rejected "
	"for|message filtered|"
	"message refused|message rejected|mail rejected|mail is rejected|email rejected|"
	"message was rejected|client host rejected|refused by|service refuse|delivery not "
	"authorized|"
	"bounce attack|mail refused|security reasons|not welcome|go away|content presents a "
	"potential",
	"Exim, Mimecast, Proofpoint, Yahoo 5.7.9, Exchange"},
    {OBS_REMOTE_POLICY, 0, ANY, ANY,
	"спам|подозрен|отклонено политик|заблокирован|abgelehnt|"
	"richtlinie|pourriel|refusé|rechazado|politica|política|rejeitad|垃圾邮件|垃圾郵件|拒绝|"
	"拒收",
	"Russian, German, French, Spanish, Portuguese, Chinese"},

    /* Codes alone. */
    {OBS_REMOTE_UNKNOWN, 5, 1, 1, "", "RFC 3463"},
    {OBS_REMOTE_UNKNOWN, 5, 1, 2, "", "RFC 3463: bad destination system"},
    {OBS_REMOTE_UNKNOWN, 5, 1, 3, "", "RFC 3463: bad destination mailbox syntax"},
    {OBS_REMOTE_UNKNOWN, 5, 1, 6, "", "RFC 3463: destination mailbox has moved"},
    {OBS_REMOTE_UNKNOWN, 5, 1, 10, "", "Exchange; RFC 7505"},
    {OBS_REMOTE_UNKNOWN, 5, 1, 0, "address rejected", "Cisco ESA"},
    {OBS_REMOTE_UNKNOWN, 551, ANY, ANY, "", "RFC 5321: user not local"},
    {OBS_REMOTE_AUTH, 0, 1, 8, "", "RFC 3463: bad sender's system address"},
    {OBS_REMOTE_FULL, 0, 2, 1, "", "RFC 3463: mailbox disabled"},
    {OBS_REMOTE_FULL, 0, 2, 2, "", "RFC 3463: mailbox full"},
    {OBS_REMOTE_FULL, 525, ANY, ANY, "", "IANA 5.7.13: user account disabled"},
    {OBS_REMOTE_AUTH, 0, 7, 20, "", "IANA: no passing DKIM signature"},
    {OBS_REMOTE_AUTH, 0, 7, 21, "", "IANA: no acceptable DKIM signature"},
    {OBS_REMOTE_AUTH, 0, 7, 23, "", "IANA: SPF validation failed"},
    {OBS_REMOTE_AUTH, 0, 7, 25, "", "IANA: reverse DNS validation failed"},
    {OBS_REMOTE_AUTH, 0, 7, 26, "", "IANA: multiple authentication checks failed"},
    {OBS_REMOTE_AUTH, 0, 7, 27, "", "Gmail: SPF; IANA: sender address has null MX"},
    {OBS_REMOTE_AUTH, 0, 7, 30, "", "Gmail: DKIM"},
    {OBS_REMOTE_AUTH, 0, 7, 31, "", "Gmail: DMARC"},
    {OBS_REMOTE_AUTH, 0, 7, 32, "", "Gmail: alignment"},
    {OBS_REMOTE_AUTH, 0, 7, 40, "", "Gmail: DMARC"},
    {OBS_REMOTE_AUTH, 0, 7, 515, "", "Exchange Online"},
    {OBS_REMOTE_GREYLIST, 4, ANY, ANY,
	"try again later|try later|please retry|come back later|"
	"please try again|temporarily deferred|temporarily rejected|try again in|попробуйте позже|"
	"später|plus tard|más tarde|mais tarde",
	"common texts of greylisting and of overload"},
    {OBS_REMOTE_GREYLIST, 4, 7, ANY, "", "RFC 3463: deferred by policy"},
    {OBS_REMOTE_POLICY, 5, 7, ANY, "", "RFC 3463: refused by policy"},
};
const size_t smtp_reply_rule_count = sizeof(smtp_reply_rules) / sizeof(smtp_reply_rules[0]);
