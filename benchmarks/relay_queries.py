"""What people ask for in their own words, and the tools that do it; any of them counts as found.

The words of a query are as a rule not those of the tool's name.
"""

QUERIES: tuple[tuple[str, tuple[str, ...]], ...] = (
    # the six reference servers
    ("what is 9:30 in Copenhagen for somebody in Tokyo", ("time__convert_time",)),
    ("how late is it now in New York", ("time__get_current_time",)),
    ("which files have I changed but not committed yet", ("git__git_status", "git__git_diff_unstaged")),
    ("put my modified files into the next commit", ("git__git_add",)),
    ("save the staged work with a message", ("git__git_commit",)),
    ("who changed this repository lately and why", ("git__git_log",)),
    ("start a new line of development from main", ("git__git_create_branch",)),
    ("switch to another branch", ("git__git_checkout",)),
    ("take everything out of the staging area again", ("git__git_reset",)),
    ("show the content of one commit", ("git__git_show",)),
    ("download a web page as markdown", ("fetch__fetch",)),
    ("open this link and tell me what it says", ("fetch__fetch",)),
    ("write text into a new file on disk", ("filesystem__write_file",)),
    ("look into a text file", ("filesystem__read_text_file", "filesystem__read_file")),
    ("replace a line in a source file", ("filesystem__edit_file",)),
    ("rename a file", ("filesystem__move_file",)),
    ("find all files whose name ends in .md", ("filesystem__search_files",)),
    ("make a folder", ("filesystem__create_directory",)),
    ("how large is this file and when was it modified", ("filesystem__get_file_info",)),
    ("the nested structure of a folder as JSON", ("filesystem__directory_tree",)),
    ("load a picture from disk", ("filesystem__read_media_file",)),
    ("remember that Ida works at the pump factory", ("memory__create_relations", "memory__add_observations")),
    ("what do we know about Ida", ("memory__search_nodes", "memory__open_nodes")),
    ("forget a person entirely", ("memory__delete_entities",)),
    ("dump everything that was remembered", ("memory__read_graph",)),
    ("add two numbers", ("everything__get-sum",)),
    ("which environment variables are set", ("everything__get-env",)),
    # the generated ones
    ("bill a customer for the pumps", ("catalogue__invoicing_create",)),
    ("find the e-mail Ida sent about the contract", ("catalogue__mailbox_search",)),
    ("cancel the table at the restaurant", ("catalogue__restaurant_delete",)),
    ("arrange a meeting with guests next Monday", ("catalogue__calendar_create",)),
    ("hand the complaint over to a colleague", ("catalogue__helpdesk_assign",)),
    ("all wages of this month as a spreadsheet", ("catalogue__payroll_export",)),
    ("which songs are in this playlist", ("catalogue__music_get",)),
    ("who edited the DNS entry", ("catalogue__dns_history",)),
    ("are there storm warnings for the coast", ("catalogue__weather_search", "catalogue__weather_list")),
    ("is there still stock of the red pump", ("catalogue__warehouse_search",)),
    ("send money to another account", ("catalogue__bank_create",)),
    ("make a copy of the database before the upgrade", ("catalogue__database_create",)),
    ("leave a note on the insurance claim", ("catalogue__insurance_comment",)),
)
