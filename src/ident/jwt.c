/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens to identities.
 */
#include "ident/jwt.h"
