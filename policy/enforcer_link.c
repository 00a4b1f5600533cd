/* SPDX-License-Identifier: ISC */
/*
 * Links and their doors: a link that may be a tenant's gets a chain at its ingress, and the names
 * of links that died are forgotten at once, because names are recycled.  bulkhead-guard (enforcer
 * child).
 */
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/config.h"
#include "base/log.h"
#include "policy/enforce_layout.h"
#include "policy/enforce_notice.h"
#include "policy/enforcer_state.h"

static bool
has_doors(const struct enforcer *en)
{
	return (en->features >> ENFORCE_NETDEV_INGRESS & 1) != 0;
}

struct enforcer_link *
enforcer_find_link(struct enforcer *en, const char *ifname)
{
	unsigned i;

	for (i = 0; i < en->link_count; i++)
		if (strncmp(en->links[i].ifname, ifname, OBS_IFNAME_BYTES) == 0)
			return &en->links[i];
	return NULL;
}

static bool
matches_globs(const char *cursor, const char *ifname)
{
	char glob[64];

	while (config_list_next(&cursor, glob, sizeof(glob)))
		if (fnmatch(glob, ifname, 0) == 0)
			return true;
	return false;
}

static bool
wants_door(const struct enforcer *en, const struct enforcer_link *link)
{
	return has_doors(en) && !en->outdated && !link->shared &&
	       enforce_layout_is_ifname(link->ifname) &&
	       ((matches_globs(en->cfg->tap_globs, link->ifname) &&
		    !matches_globs(en->cfg->ignore_globs, link->ifname)) ||
		   enforcer_names(en, link->ifname));
}

static void
tell(struct enforcer *en, const char *ifname, bool up)
{
	if (en->tell_link != NULL)
		en->tell_link(en->tell_arg, ifname, up);
}

static struct enforce_nft_door
door_of(const struct enforcer *en, const struct enforcer_link *link)
{
	struct enforce_nft_door door = {.index = link->index,
	    .notice = !link->bridged && enforce_notice_is_on(en->cfg, en->features)};

	memcpy(door.ifname, link->ifname, sizeof(door.ifname));
	return door;
}

static void
hook_one(struct enforcer *en, struct enforcer_link *link)
{
	struct enforce_nft_door door = door_of(en, link);
	struct err e;

	link->hooked = enforce_nft_hook(en->nft, &door, 1, &e) == 0;
	/* A link that is gone again needs none; its end is on the way to us. */
	if (!link->hooked)
		log_event(
		    LOG_LEVEL_WARN, "enforce.door", "link=%s error=\"%s\"", link->ifname, e.text);
}

/* Those that are wanted; with `missing` those that no link has yet. */
static struct enforce_nft_door *
list_doors(const struct enforcer *en, bool missing, unsigned *count)
{
	struct enforce_nft_door *doors = calloc(en->link_count + 1, sizeof(*doors));

	*count = 0;
	for (unsigned i = 0; doors != NULL && i < en->link_count; i++)
		if (wants_door(en, &en->links[i]) && !(missing && en->links[i].hooked))
			doors[(*count)++] = door_of(en, &en->links[i]);
	return doors;
}

struct enforce_nft_door *
enforcer_doors(const struct enforcer *en, unsigned *count)
{
	return list_doors(en, false, count);
}

void
enforcer_note_hooked(struct enforcer *en)
{
	for (unsigned i = 0; i < en->link_count; i++)
		en->links[i].hooked = wants_door(en, &en->links[i]);
}

void
enforcer_hook_all(struct enforcer *en, bool again)
{
	struct enforce_nft_door *doors;
	unsigned count, i;

	for (i = 0; again && i < en->link_count; i++)
		en->links[i].hooked = false;
	doors = list_doors(en, true, &count);
	if (doors != NULL && enforce_nft_hook(en->nft, doors, count, NULL) == 0) {
		enforcer_note_hooked(en);
	} else {
		for (i = 0; i < en->link_count; i++)
			if (!en->links[i].hooked && wants_door(en, &en->links[i]))
				hook_one(en, &en->links[i]);
	}
	free(doors);
}

void
enforcer_hook_named(struct enforcer *en, const struct plan *elements)
{
	unsigned i;

	for (i = 0; i < elements->count; i++) {
		struct enforcer_link *link =
		    elements->elements[i].ifname[0] != '\0'
			? enforcer_find_link(en, elements->elements[i].ifname)
			: NULL;

		if (link != NULL && !link->hooked && wants_door(en, link))
			hook_one(en, link);
	}
}

struct stale {
	const struct enforcer *en;
	int *indexes;
	unsigned count, room;
};

static void
note_stale(void *arg, const char *chain)
{
	struct stale *s = arg;
	unsigned i;
	int index;

	if (!enforce_nft_is_door(chain, &index))
		return;
	for (i = 0; i < s->en->link_count; i++)
		if (s->en->links[i].index == index)
			return;
	if (s->count == s->room) {
		unsigned room = s->room == 0 ? 64 : s->room * 2;
		int *bigger = realloc(s->indexes, room * sizeof(*bigger));

		if (bigger == NULL)
			return;
		s->indexes = bigger;
		s->room = room;
	}
	s->indexes[s->count++] = index;
}

void
enforcer_drop_stale_doors(struct enforcer *en)
{
	struct stale s = {.en = en};
	char door[ENFORCE_NFT_DOOR_BYTES];
	unsigned i;

	if (!has_doors(en))
		return;
	(void)enforce_netlink_list_chains(en->netlink, note_stale, &s);
	for (i = 0; i < s.count; i++)
		(void)enforce_netlink_delete_chain(
		    en->netlink, enforce_nft_door_name(door, s.indexes[i]));
	free(s.indexes);
}

/* A block belongs to a server; its name on this link dies with the link, because names are
 * recycled. */
static void
forget_name(struct enforcer *en, const char *ifname)
{
	struct plan_element elements[PLAN_SET__COUNT];
	unsigned set;
	int r;

	memset(elements, 0, sizeof(elements));
	for (set = 0; set < PLAN_SET__COUNT; set++) {
		elements[set].set = (uint8_t)set;
		memcpy(elements[set].ifname, ifname, sizeof(elements[set].ifname));
		enforcer_forget(en, &elements[set]);
	}
	r = enforce_netlink_apply(en->netlink, ENFORCE_NETLINK_REMOVE, elements, PLAN_SET__COUNT);
	if (r < 0 && r != -ENOENT) /* no table: the repair that comes puts no such element back */
		log_event(LOG_LEVEL_ERROR, "enforce.forget", "link=%s error=\"%s\"", ifname,
		    strerror(-r));
}

static void
link_vanish(struct enforcer *en, unsigned i)
{
	char door[ENFORCE_NFT_DOOR_BYTES];
	struct enforcer_link link = en->links[i];

	en->links[i] = en->links[--en->link_count];
	if (enforce_layout_is_ifname(link.ifname))
		forget_name(en, link.ifname);
	if (link.hooked)
		(void)enforce_netlink_delete_chain(
		    en->netlink, enforce_nft_door_name(door, link.index));
	tell(en, link.ifname, false);
}

static void
link_appear(struct enforcer *en, const struct enforce_watch_link *news)
{
	struct enforcer_link *link;

	if (en->link_count == en->link_room) {
		unsigned room = en->link_room == 0 ? 64 : en->link_room * 2;
		struct enforcer_link *bigger = realloc(en->links, room * sizeof(*bigger));

		if (bigger == NULL) {
			log_event(LOG_LEVEL_ERROR, "enforce.memory", "links=%u", en->link_count);
			return;
		}
		en->links = bigger;
		en->link_room = room;
	}
	link = &en->links[en->link_count++];
	*link = (struct enforcer_link){
	    .index = news->index, .shared = news->shared, .bridged = news->bridged, .seen = true};
	memcpy(link->ifname, news->ifname, sizeof(link->ifname));
	if (!en->listing && wants_door(en, link))
		hook_one(en, link);
	tell(en, link->ifname, true);
}

/* Into a bridge or out of it: the door leads elsewhere now. */
static void
link_moved(struct enforcer *en, struct enforcer_link *link, bool bridged)
{
	link->bridged = bridged;
	if (link->hooked && enforce_notice_is_on(en->cfg, en->features))
		hook_one(en, link);
}

void
enforcer_count_links(const struct enforcer *en, uint32_t *noticed, uint32_t *reset)
{
	unsigned i;

	*noticed = *reset = 0;
	for (i = 0; i < en->link_count; i++)
		if (wants_door(en, &en->links[i]))
			++*(en->links[i].bridged ? reset : noticed);
}

void
enforcer_ask_for_listing(struct enforcer *en)
{
	unsigned i;

	for (i = 0; i < en->link_count; i++)
		en->links[i].seen = false;
	en->listing = enforce_watch_ask_links(en->links_fd) == 0;
}

static void
end_listing(struct enforcer *en)
{
	unsigned i = 0;

	while (en->listing && i < en->link_count) {
		if (en->links[i].seen)
			i++;
		else
			link_vanish(en, i);
	}
	en->listing = false;
	enforcer_hook_all(en, false);
}

static void
take_link(void *arg, const struct enforce_watch_link *news)
{
	struct enforcer *en = arg;
	unsigned i;

	if (news->lost)
		enforcer_ask_for_listing(en);
	if (news->done)
		end_listing(en);
	if (news->lost || news->done)
		return;
	for (i = 0; i < en->link_count; i++)
		if (en->links[i].index == news->index)
			break;
	if (i < en->link_count && !news->gone &&
	    strncmp(en->links[i].ifname, news->ifname, OBS_IFNAME_BYTES) == 0) {
		en->links[i].seen = true;
		if (en->links[i].bridged != news->bridged)
			link_moved(en, &en->links[i], news->bridged);
		return;
	}
	if (i < en->link_count) /* gone, or another name now */
		link_vanish(en, i);
	if (!news->gone)
		link_appear(en, news);
}

void
enforcer_read_links(struct enforcer *en)
{
	enforce_watch_read_links(en->links_fd, take_link, en);
}
