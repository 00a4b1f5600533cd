/* SPDX-License-Identifier: ISC */
/*
 * What a failed check means for who sends the mail, and what to do about it, English and Russian; see
 * letter.h.  Pure.  bulkhead-guard.
 */
#include <stddef.h>
#include <string.h>

#include "whitelist/check.h"
#include "whitelist/letter.h"

/* English, Russian; a check that only warns has none, nor one that the application's own list of what is
 * missing speaks of (C6, D15). */
static const char *const texts[CHECK__COUNT][2] = {
    [CHECK_M1] =
	{"The sample is not a complete mail: send its original source as it was received, with all "
	 "header fields.",
	    "Образец — не полное письмо: пришлите исходный текст в том виде, в котором письмо "
	    "получено, со всеми "
	    "заголовками."},
    [CHECK_M2] = {"From must have one address, in a domain of your own that the application names.",
	"В поле From должен быть один адрес в вашем собственном домене, указанном в заявке."},
    [CHECK_M3] = {"The mail has no well-formed Message-ID.",
	"В письме нет правильного поля Message-ID."},
    [CHECK_M4] = {"The mail must be signed with DKIM (RSA with at least 1024, better 2048 bits) "
		  "for the domain "
		  "in From, and the signature must fit the mail.",
	"Письмо должно быть подписано DKIM (ключ RSA не короче 1024, лучше 2048 бит) для домена из "
	"поля From, и "
	"подпись должна подходить к письму."},
    [CHECK_M5] =
	{"SPF of the sender's domain does not allow the server: add its address to the record.",
	    "SPF домена отправителя не разрешает отправку с вашего сервера: добавьте его адрес в "
	    "запись."},
    [CHECK_M6] =
	{"The domain in From must be the one that signs with DKIM or that SPF passes for (DMARC).",
	    "Домен в поле From должен совпадать с доменом подписи DKIM или с доменом, для которого "
	    "проходит SPF "
	    "(DMARC)."},
    [CHECK_M7] = {"The mail needs one List-Unsubscribe field with one https address.",
	"В письме нужно одно поле List-Unsubscribe с одним адресом https."},
    [CHECK_M8] = {"The mail needs the field List-Unsubscribe-Post: List-Unsubscribe=One-Click.",
	"В письме нужно поле List-Unsubscribe-Post: List-Unsubscribe=One-Click."},
    [CHECK_M9] = {"The DKIM signature must cover List-Unsubscribe and List-Unsubscribe-Post.",
	"Подпись DKIM должна охватывать поля List-Unsubscribe и List-Unsubscribe-Post."},
    [CHECK_M11] = {"The text of the mail must have an unsubscribe link that a reader sees.",
	"В тексте письма должна быть видимая читателю ссылка для отписки."},
    [CHECK_M19] = {"The sample was sent by another server: send one that came from yours.",
	"Образец отправлен с другого сервера: пришлите письмо, отправленное с вашего."},
    [CHECK_D1] = {"The address of the server has no reverse name (PTR).",
	"У адреса сервера нет обратной записи (PTR)."},
    [CHECK_D2] = {"The reverse name of the server must resolve back to its address.",
	"Обратное имя сервера должно указывать на его адрес."},
    [CHECK_D6] = {"The SPF record of the domain is missing or wrong, or does not name the server.",
	"Запись SPF домена отсутствует, содержит ошибку или не включает адрес сервера."},
    [CHECK_D7] = {"The DKIM key that the mail names is missing in DNS or cannot be used.",
	"Ключ DKIM, указанный в письме, отсутствует в DNS или непригоден."},
    [CHECK_D8] = {"The domain has no DMARC record: add a TXT record at _dmarc.",
	"У домена нет записи DMARC: добавьте запись TXT с именем _dmarc."},
    [CHECK_D9] = {"The sender's domain must be able to receive mail (MX).",
	"Домен отправителя должен принимать почту (MX)."},
    [CHECK_U1] = {"The unsubscribe link must lead to a public https page with a valid certificate.",
	"Ссылка отписки должна вести на общедоступную страницу https с действительным "
	"сертификатом."},
    [CHECK_U2] = {"The unsubscribe page does not answer, or the link ends at a foreign site.",
	"Страница отписки не отвечает, или ссылка ведёт на чужой сайт."},
    [CHECK_U3] = {"Unsubscribing must be possible without logging in.",
	"Отписаться должно быть можно без входа в учётную запись."},
    [CHECK_U6] = {"The one-click unsubscribing (a POST to the address in List-Unsubscribe) does "
		  "not answer with "
		  "success.",
	"Отписка в один клик (POST на адрес из List-Unsubscribe) не отвечает успехом."},
    [CHECK_U7] =
	{"The picture of the unsubscribe page cannot be read or is too small (at least 320x200).",
	    "Снимок страницы отписки не читается или слишком мал (не меньше 320x200)."},
    [CHECK_C5] =
	{"A picture cannot be opened or shows nothing: please send it again as PNG, JPEG or WebP.",
	    "Один из снимков не открывается или пуст: пришлите его ещё раз в формате PNG, JPEG или "
	    "WebP."},
};

const char *
letter_check_text(unsigned check, const char *lang)
{
	return check < CHECK__COUNT ? texts[check][strcmp(lang, "ru") == 0] : NULL;
}
