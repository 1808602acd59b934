/* SPDX-License-Identifier: Apache-2.0
 *
 * The service manager's notification socket (sd_notify(3), Type=notify-reload), without its library. Without
 * NOTIFY_SOCKET nothing happens.
 */
#ifndef SP_SERVER_NOTIFY_H
#define SP_SERVER_NOTIFY_H

void notify_ready(void);
void notify_reloading(void); /* follow with notify_ready() */
void notify_stopping(void);

#endif
