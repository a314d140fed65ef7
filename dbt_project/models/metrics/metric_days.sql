select distinct day from {{ ref('days') }}
