<?php

// The shop's server: keeps the notification for order.php, which verifies it, and answers as a shop does.

$headers = array_change_key_case(getallheaders());
file_put_contents(
    getenv('NOTIFIED'),
    json_encode(['headers' => $headers, 'body' => file_get_contents('php://input')]) . "\n",
    FILE_APPEND | LOCK_EX
);
http_response_code(204);
