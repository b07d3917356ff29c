// SPDX-License-Identifier: BSD-2-Clause
/* The tables of fields, made from the rows of fields.h and held against the structs. */
#include "record/text/fields.h"
#include "record/kinds.h"

/* Every byte of a struct is in a row: the sizes of its rows add up to its own. */
#define SIZE_OF(T, member, form) +sizeof(((T *)0)->member)
#define CHECK(num, name, type, doc)                                                       \
	_Static_assert(0 FS_FIELDS_##name(SIZE_OF, struct type) + sizeof(struct fs_ev) == \
			       sizeof(struct type),                                       \
		       "FS_FIELDS_" #name " in fields.h does not fit struct " #type);
FS_EVENT_KINDS(CHECK)
_Static_assert(0 FS_FIELDS_HEADER(SIZE_OF, struct fs_ev) == sizeof(struct fs_ev),
	       "FS_FIELDS_HEADER in fields.h does not fit struct fs_ev");

#define ROW(T, member, form_)              \
	{.name = #member,                  \
	 .offset = offsetof(T, member),    \
	 .size = sizeof(((T *)0)->member), \
	 .form = FSR_FORM_##form_},

const struct fsr_field fsr_header_fields[] = {FS_FIELDS_HEADER(ROW, struct fs_ev){0}};

#define TABLE(num, kind, type, doc) \
	static const struct fsr_field fields_##kind[] = {FS_FIELDS_##kind(ROW, struct type){0}};
FS_EVENT_KINDS(TABLE)

static const struct fsr_field *const tables[FSR_KIND_MAX + 1] = {
#define X(num, name, type, doc) [num] = fields_##name,
	FS_EVENT_KINDS(X)
#undef X
};

#define GUEST(name, type)                                                               \
	_Static_assert(0 FS_FIELDS_##name(SIZE_OF, struct type) == sizeof(struct type), \
		       "FS_FIELDS_" #name " in fields.h does not fit struct " #type);   \
	const struct fsr_field fsr_fields_##name[] = {FS_FIELDS_##name(ROW, struct type){0}};
FS_GUEST_STRUCTS(GUEST)

#define LISTED(num, name, doc) {#name, num},
#define LIST(form, list)       static const struct fsr_name names_##form[] = {list(LISTED){NULL, 0}};
FS_GUEST_SETS(LIST)
#undef LIST

#define NAME(prefix, name) {#name, prefix##name},
#define SET(form, names)   static const struct fsr_name names_##form[] = {names{NULL, 0}};
FS_FLAG_SETS(SET, NAME)
FS_ENUM_SETS(SET, NAME)
#undef SET

const struct fsr_field *fsr_fields(uint16_t kind)
{
	return kind <= FSR_KIND_MAX ? tables[kind] : NULL;
}

const struct fsr_name *fsr_names(uint8_t form, int *flags)
{
#define NO_NAMES(prefix, name)
	*flags = 1;
	switch (form) {
#define SET(f, names)      \
	case FSR_FORM_##f: \
		return names_##f;
		FS_FLAG_SETS(SET, NO_NAMES)
	}
	*flags = 0;
	switch (form) {
		FS_ENUM_SETS(SET, NO_NAMES)
#define LIST SET
		FS_GUEST_SETS(LIST)
	}
	return NULL;
#undef SET
}
