"""report.html: one page that shows a run, in one file that needs no network and no other file.

    page           the whole: sections into page.html, with page.css and the scripts beside it
    data           what a page shows, as plain data        words     numbers as a reader wants them
    views          pictures of views, layer by layer       findings  what went wrong
    segments       the table of segments                   figures   accuracy, time, settings

Pictures are inlined, and without JavaScript the page shows everything, side by side. The scripts, in the order in which
they are joined: theme.js, navigation.js, views.js, labels.js, segments.js, lightbox.js.
"""
