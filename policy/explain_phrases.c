/* SPDX-License-Identifier: ISC */
/* The sentences of explain.c; see explain_phrases.h.  bulkhead-guard (judge process). */
#include "policy/explain_phrases.h"

const char *const explain_phrases[PHRASE__COUNT][EXPLAIN__COUNT] = {
    [PHRASE_BLOCKED] = {"Server %s may not send mail to TCP port 25 since %s (case %s).",
	"Серверу %s с %s закрыта отправка почты на порт TCP 25 (случай %s)."},
    [PHRASE_BLOCKED_BY_PERSON] =
	{"Server %s may not send mail to TCP port 25 since %s (case %s); a person decided it: %s",
	    "Серверу %s с %s закрыта отправка почты на порт TCP 25 (случай %s); так решил "
	    "сотрудник: %s"},
    [PHRASE_THROTTLED] =
	{"Server %s may open only few connections to TCP port 25 since %s (case %s).",
	    "Серверу %s с %s ограничено число соединений на порт TCP 25 (случай %s)."},
    [PHRASE_SHADOW] = {"The guard only observes: nothing was really closed.",
	"Защита только наблюдает: на деле ничего не закрыто."},
    [PHRASE_NOT_BLOCKED] = {"Server %s is not blocked; its verdict is \"%s\".",
	"Сервер %s не заблокирован; его оценка: «%s»."},
    [PHRASE_ENDED] = {"This case ended at %s.", "Этот случай закрыт %s."},
    [PHRASE_WAS_BLOCKED] = {"Server %s could not send mail to TCP port 25 from %s on (case %s).",
	"Серверу %s с %s была закрыта отправка почты на порт TCP 25 (случай %s)."},
    [PHRASE_LAST_CASE] = {"Its last case is %s.", "Его последний случай: %s."},
    [PHRASE_GRANT_PERSON] = {"A grant does not undo the decision of a person.",
	"Разрешение не отменяет решения сотрудника."},
    [PHRASE_QUESTION_BULK] = {"The question was: is this mass mailing?",
	"Вопрос был такой: это массовая рассылка?"},
    [PHRASE_QUESTION_ABUSE] =
	{"The question was: is this spam, or has somebody broken into the server?",
	    "Вопрос был такой: это спам или взломанный сервер?"},
    [PHRASE_SCORE] = {"The evidence adds up to %s points; a block begins at %s.",
	"Сумма баллов: %s; блокировка начинается с %s."},
    [PHRASE_BEFORE] = {"Messages sent before the block: %s.",
	"Писем отправлено до блокировки: %s."},
    [PHRASE_WHY] = {"What was seen:", "Что было замечено:"},
    [PHRASE_NO_SIGNAL] = {"  - nothing that speaks against the server",
	"  - ничего, что говорило бы против сервера"},
    [PHRASE_SIGNAL] = {"  - %s (%s points; value %s, threshold %s, %s)",
	"  - %s (баллы: %s; значение %s, порог %s, %s)"},
    [PHRASE_SIGNAL_WINDOW] = {"  - %s (%s points; value %s, threshold %s within %s, %s)",
	"  - %s (баллы: %s; значение %s, порог %s за %s, %s)"},
    [PHRASE_SAMPLES] = {"Examples:", "Примеры:"},
    [PHRASE_GRANT_NONE] = {"Server %s holds no whitelist grant; mass mailing needs one.",
	"У сервера %s нет разрешения (белый список), а для массовой рассылки оно нужно."},
    [PHRASE_GRANT_BEYOND] = {"Grant %s covers %s recipients per day from %s; this mail went beyond "
			     "it or came from another domain.",
	"Разрешение %s покрывает %s получателей в сутки с доменов %s; эта почта вышла за его "
	"пределы "
	"или шла с другого домена."},
    [PHRASE_GRANT_USED] = {"Of today's %s granted recipients %s are used (%s %%).",
	"Из разрешённых на сегодня %s получателей использовано %s (%s %%)."},
    [PHRASE_GRANT_ABUSE] = {"No grant protects from this question.",
	"От этого вопроса никакое разрешение не защищает."},
    [PHRASE_GRANT_NEEDLESS] = {"No grant is needed for what this server does now.",
	"Для того, что сервер делает сейчас, разрешение не нужно."},
    [PHRASE_NEXT_BULK] = {"Stop the mailing, and apply for the whitelist: how subscribers consent "
			  "(a picture of the subscription "
			  "form, or of the registration form with the rules about mailings), a "
			  "sample mail with its source, its "
			  "picture and an unsubscribe link, and a picture of the page behind that "
			  "link. Support can release the "
			  "server once the queue is cleared.",
	"Остановите рассылку и подайте заявку в белый список: как подписчики дают согласие (снимок "
	"формы "
	"подписки или снимок формы регистрации с правилами о рассылках), образец письма с исходным "
	"кодом, "
	"снимком и ссылкой для отписки, снимок страницы отписки. Поддержка снимет блокировку, "
	"когда очередь "
	"будет очищена."},
    [PHRASE_NEXT_ABUSE] = {"Find the program that sends (a stolen password, an open form, a "
			   "foreign script), stop it, empty the mail "
			   "queue, and ask support for a release. The block lifts by itself only "
			   "when the server has stopped trying.",
	"Найдите программу, которая отправляет почту (украденный пароль, открытая форма, чужой "
	"скрипт), "
	"остановите её, очистите почтовую очередь и попросите поддержку снять блокировку. Сама она "
	"снимается "
	"только тогда, когда сервер прекратит попытки."},
    [PHRASE_NEXT_PERSON] =
	{"Answer the reason given by the abuse team; only they can release the server early.",
	    "Ответьте на причину, которую указала служба; раньше срока снять блокировку может "
	    "только она."},
    [PHRASE_NEXT_NONE] = {"Nothing needs to be done.", "Ничего делать не нужно."},
    [PHRASE_MISSING] = {"Grant: %s", "Разрешение: %s"},
    [PHRASE_NEXT] = {"What to do: %s", "Что делать: %s"},
    [PHRASE_LEFT] = {"Time left: %s, until %s.", "Осталось: %s, до %s."},
    [PHRASE_TRYING] = {"Since the block the kernel refused %s packets; new connections in the last "
		       "5 minutes: %s.",
	"С начала блокировки отклонено пакетов: %s; новых соединений за последние 5 минут: %s."},
    [PHRASE_LEFT_PINNED] = {"It stays until a person releases it.",
	"Блокировка стоит, пока её не снимет сотрудник."},
    [PHRASE_OPEN] =
	{"Ports 465, 587 and everything else stay open, and the server still receives mail.",
	    "Порты 465, 587 и всё остальное открыты, входящая почта принимается."},
    [PHRASE_WARNED] = {"Server %s was warned at %s (case %s); its mail still goes out.",
	"Серверу %s с %s вынесено предупреждение (случай %s); почта пока уходит."},
    [PHRASE_WAS_WARNED] = {"Server %s stood on a warning from %s on (case %s).",
	"Серверу %s с %s было вынесено предупреждение (случай %s)."},
    [PHRASE_WAS_THROTTLED] =
	{"Server %s could open only few connections to TCP port 25 from %s on (case %s).",
	    "Серверу %s с %s было ограничено число соединений на порт TCP 25 (случай %s)."},
    [PHRASE_LEFT_SHORT] = {"Still blocked for %s s, until %s.", "Осталось %s с, до %s."},
    [PHRASE_LEFT_OVER] = {"Its time is over since %s: it lifts when the server has stopped trying.",
	"Срок истёк %s: блокировка снимется, когда сервер прекратит попытки."},
    [PHRASE_TIMELINE] = {"How it came about:", "Как это было:"},
    [PHRASE_STEP] = {"  - %s  %s -> %s, by %s (bulk %s, abuse %s)",
	"  - %s  %s -> %s, решение: %s (рассылка %s, злоупотребление %s)"},
    [PHRASE_STEP_EXTENDED] = {"  - %s  extended until %s, by %s: it kept trying",
	"  - %s  продлено до %s, решение: %s: попытки продолжались"},
    [PHRASE_STEP_RELEASED] = {"  - %s  released by %s", "  - %s  снято, решение: %s"},
    [PHRASE_STEP_LIFTED] =
	{"  - %s  lifted by itself: its time was over and the server had stopped trying",
	    "  - %s  снято автоматически: срок истёк, попытки прекратились"},
    [PHRASE_STEP_SHADOW] = {"; nothing was enforced", "; на деле ничего не закрыто"},
    [PHRASE_STEP_REASON] = {": %s", ": %s"},
    [PHRASE_GUARD] = {"the guard", "автоматика"},
};
