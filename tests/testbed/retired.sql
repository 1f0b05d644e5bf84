-- Written by the retired service itself: tests/testbed/retired.py says how. Without its events.
BEGIN TRANSACTION;
CREATE TABLE "action" (
	id VARCHAR(36) NOT NULL, 
	name VARCHAR(63), 
	context TEXT, 
	target VARCHAR(36), 
	action TEXT, 
	cause VARCHAR(255), 
	owner VARCHAR(36), 
	interval INTEGER, 
	start_time NUMERIC(18, 6), 
	end_time NUMERIC(18,6), 
	timeout INTEGER, 
	control VARCHAR(255), 
	status VARCHAR(255), 
	status_reason TEXT, 
	inputs TEXT, 
	outputs TEXT, 
	depends_on TEXT, 
	depended_by TEXT, 
	created_at DATETIME, 
	updated_at DATETIME, 
	data TEXT, 
	user VARCHAR(64), 
	project VARCHAR(64), 
	domain VARCHAR(64), cluster_id VARCHAR(36), 
	PRIMARY KEY (id)
);
INSERT INTO "action" VALUES('8b285127-b240-46f6-9b46-e50cc33ef04a','cluster_create_1d247a99',NULL,'1d247a99-6788-4a48-966b-406333aaa247','CLUSTER_CREATE','RPC Request',NULL,-1,1.79528102777873373036e+09,1.79528103203920483591e+09,1800,NULL,'SUCCEEDED','Action completed successfully.','{}',NULL,NULL,NULL,'2026-11-21 17:10:27.681647',NULL,NULL,'user-of-alpha','alpha',NULL,'1d247a99-6788-4a48-966b-406333aaa247');
INSERT INTO "action" VALUES('05a07bd9-ef75-4375-8a4c-9057ac21bc32','node_create_3f4bbbac',NULL,'3f4bbbac-df42-42f7-aabe-6f5df9bfd008','NODE_CREATE','Derived Action',NULL,-1,1.7952810288365516662e+09,1.79528102958403229711e+09,3600,NULL,'SUCCEEDED','Action completed successfully.','{}',NULL,NULL,NULL,'2026-11-21 17:10:28.319421',NULL,NULL,'user-of-alpha','alpha',NULL,'1d247a99-6788-4a48-966b-406333aaa247');
INSERT INTO "action" VALUES('cef1acfc-4956-40a7-91af-da2fc6b630e7','node_create_48d854cb',NULL,'48d854cb-18fa-48c0-a1f7-66dc7ddd96e7','NODE_CREATE','Derived Action',NULL,-1,1.79528102885320615771e+09,1.79528102965559649469e+09,3600,NULL,'SUCCEEDED','Action completed successfully.','{}',NULL,NULL,NULL,'2026-11-21 17:10:28.435515',NULL,NULL,'user-of-alpha','alpha',NULL,'1d247a99-6788-4a48-966b-406333aaa247');
INSERT INTO "action" VALUES('e08e669d-8026-42dd-8cfc-9c471f0cd829','node_create_04d364ac',NULL,'04d364ac-69b6-4770-8d82-0e61669a893e','NODE_CREATE','Derived Action',NULL,-1,1.79528102889897131924e+09,1.79528102968891143794e+09,3600,NULL,'SUCCEEDED','Action completed successfully.','{}',NULL,NULL,NULL,'2026-11-21 17:10:28.655981',NULL,NULL,'user-of-alpha','alpha',NULL,'1d247a99-6788-4a48-966b-406333aaa247');
INSERT INTO "action" VALUES('83a193c3-4677-4c6b-b8f3-ecf0d18693ea','cluster_create_7a4fc578',NULL,'7a4fc578-3152-42d0-a0e3-fd3478f28f91','CLUSTER_CREATE','RPC Request',NULL,-1,1.79528103234634613992e+09,1.79528103266976428028e+09,3600,NULL,'SUCCEEDED','Action completed successfully.','{}',NULL,NULL,NULL,'2026-11-21 17:10:32.288834',NULL,NULL,'user-of-alpha','alpha',NULL,'7a4fc578-3152-42d0-a0e3-fd3478f28f91');
INSERT INTO "action" VALUES('861b5671-a409-4f19-b30b-bfca06990e40','cluster_create_296be266',NULL,'296be266-b148-46df-8bea-14f51aed1c22','CLUSTER_CREATE','RPC Request',NULL,-1,1.79528103307593369479e+09,1.79528103638525104524e+09,3600,NULL,'SUCCEEDED','Action completed successfully.','{}',NULL,NULL,NULL,'2026-11-21 17:10:33.031263',NULL,NULL,'user-of-alpha','alpha',NULL,'296be266-b148-46df-8bea-14f51aed1c22');
INSERT INTO "action" VALUES('1d19de0a-f20d-49fa-8fdf-d1384dd3a1e7','node_create_942ca9b7',NULL,'942ca9b7-cd35-4f78-81af-8c886e8d7f0b','NODE_CREATE','Derived Action',NULL,-1,1.79528103330397057531e+09,1.79528103343263053899e+09,3600,NULL,'SUCCEEDED','Action completed successfully.','{}',NULL,NULL,NULL,'2026-11-21 17:10:33.255118',NULL,NULL,'user-of-alpha','alpha',NULL,'296be266-b148-46df-8bea-14f51aed1c22');
INSERT INTO "action" VALUES('d9631d14-5aa7-4654-8559-090b8c5cc8bb','attach_policy_1d247a99',NULL,'1d247a99-6788-4a48-966b-406333aaa247','CLUSTER_ATTACH_POLICY','RPC Request',NULL,-1,1.79528103670626115791e+09,1.79528103708614206312e+09,1800,NULL,'SUCCEEDED','Action completed successfully.','{}',NULL,NULL,NULL,'2026-11-21 17:10:36.635618',NULL,NULL,'user-of-alpha','alpha',NULL,'1d247a99-6788-4a48-966b-406333aaa247');
INSERT INTO "action" VALUES('5ddb0c62-7a7e-4b12-aff2-52bd0ae132f1','attach_policy_1d247a99',NULL,'1d247a99-6788-4a48-966b-406333aaa247','CLUSTER_ATTACH_POLICY','RPC Request',NULL,-1,1.79528103747852945323e+09,1.79528103803108692168e+09,1800,NULL,'SUCCEEDED','Action completed successfully.','{}',NULL,NULL,NULL,'2026-11-21 17:10:37.392474',NULL,NULL,'user-of-alpha','alpha',NULL,'1d247a99-6788-4a48-966b-406333aaa247');
INSERT INTO "action" VALUES('68f07948-1a33-4422-9f6f-f395e6094ed2','attach_policy_1d247a99',NULL,'1d247a99-6788-4a48-966b-406333aaa247','CLUSTER_ATTACH_POLICY','RPC Request',NULL,-1,1795281038.33247,1.79528103886575078965e+09,1800,NULL,'SUCCEEDED','Action completed successfully.','{}',NULL,NULL,NULL,'2026-11-21 17:10:38.307171',NULL,NULL,'user-of-alpha','alpha',NULL,'1d247a99-6788-4a48-966b-406333aaa247');
INSERT INTO "action" VALUES('02e9d557-1fb4-4f4f-b29a-e6ccaf26457f','cluster_scale_out_1d247a99',NULL,'1d247a99-6788-4a48-966b-406333aaa247','CLUSTER_SCALE_OUT','RPC Request',NULL,-1,1795281039.22352,1.79528104335074019434e+09,1800,NULL,'SUCCEEDED','Action completed successfully.','{}',NULL,NULL,NULL,'2026-11-21 17:10:39.173389','2026-11-21 17:10:39.679689',NULL,'user-of-alpha','alpha',NULL,'1d247a99-6788-4a48-966b-406333aaa247');
INSERT INTO "action" VALUES('a9532826-b6e3-4ad6-883f-76ada8684ea8','node_create_0d23f679',NULL,'0d23f679-cb7f-482e-a832-74bc1599bd73','NODE_CREATE','Derived Action',NULL,-1,1.79528104006346106531e+09,1.79528104038515067095e+09,3600,NULL,'SUCCEEDED','Action completed successfully.','{}',NULL,NULL,NULL,'2026-11-21 17:10:39.834097',NULL,NULL,'user-of-alpha','alpha',NULL,'1d247a99-6788-4a48-966b-406333aaa247');
INSERT INTO "action" VALUES('18730a5f-f55d-42bb-afd4-55a3e5d86dfd','node_create_bb1dee5d',NULL,'bb1dee5d-eabf-4523-bcc0-d049ad44ef58','NODE_CREATE','Derived Action',NULL,-1,1.79528104008591389657e+09,1.79528104042095422747e+09,3600,NULL,'SUCCEEDED','Action completed successfully.','{}',NULL,NULL,NULL,'2026-11-21 17:10:39.966256',NULL,NULL,'user-of-alpha','alpha',NULL,'1d247a99-6788-4a48-966b-406333aaa247');
INSERT INTO "action" VALUES('333015bf-b5f2-4856-8b91-bf2ce74ea2c9','node_create_10f9bc4f',NULL,'10f9bc4f-5b55-410d-9ab6-145a7cbc05e8','NODE_CREATE','RPC Request',NULL,-1,1.79528104384957242012e+09,1.79528104407831645009e+09,3600,NULL,'SUCCEEDED','Action completed successfully.','{}',NULL,NULL,NULL,'2026-11-21 17:10:43.781439',NULL,NULL,'user-of-alpha','alpha',NULL,'');
INSERT INTO "action" VALUES('26453827-227b-4423-8dda-0908928ee38f','node_update_10f9bc4f',NULL,'10f9bc4f-5b55-410d-9ab6-145a7cbc05e8','NODE_UPDATE','RPC Request',NULL,-1,1.79528104439315533639e+09,1.79528104457486462593e+09,3600,NULL,'SUCCEEDED','Action completed successfully.','{}',NULL,NULL,NULL,'2026-11-21 17:10:44.313624',NULL,NULL,'user-of-alpha','alpha',NULL,'');
INSERT INTO "action" VALUES('e6860b70-965a-44b8-8097-988741341680','cluster_create_c53d4508',NULL,'c53d4508-71db-40dd-be49-40f7e8c4982d','CLUSTER_CREATE','RPC Request',NULL,-1,1.79528104504014611245e+09,1.79528104859997534748e+09,3600,NULL,'SUCCEEDED','Action completed successfully.','{}',NULL,NULL,NULL,'2026-11-21 17:10:44.974727',NULL,NULL,'user-of-beta','beta',NULL,'c53d4508-71db-40dd-be49-40f7e8c4982d');
INSERT INTO "action" VALUES('7532b56c-ea6c-4aae-8ef1-75aa5737a148','node_create_bbe17f61',NULL,'bbe17f61-eea2-4fae-a366-b38f309bd6be','NODE_CREATE','Derived Action',NULL,-1,1.79528104540449142453e+09,1.79528104560357832904e+09,3600,NULL,'SUCCEEDED','Action completed successfully.','{}',NULL,NULL,NULL,'2026-11-21 17:10:45.267280',NULL,NULL,'user-of-beta','beta',NULL,'c53d4508-71db-40dd-be49-40f7e8c4982d');
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('004f8202c264');
CREATE TABLE "cluster" (
	id VARCHAR(36) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	profile_id VARCHAR(36) NOT NULL, 
	user VARCHAR(64) NOT NULL, 
	project VARCHAR(64) NOT NULL, 
	domain VARCHAR(64), 
	parent VARCHAR(36), 
	init_at DATETIME, 
	created_at DATETIME, 
	updated_at DATETIME, 
	min_size INTEGER, 
	max_size INTEGER, 
	desired_capacity INTEGER, 
	next_index INTEGER, 
	timeout INTEGER, 
	status VARCHAR(255), 
	status_reason TEXT, 
	meta_data TEXT, 
	data TEXT, 
	dependents TEXT, config TEXT, 
	PRIMARY KEY (id), 
	FOREIGN KEY(profile_id) REFERENCES profile (id)
);
INSERT INTO "cluster" VALUES('1d247a99-6788-4a48-966b-406333aaa247','front','8804a720-5028-4d10-8ae6-5ac219c14b96','user-of-alpha','alpha',NULL,NULL,'2026-11-21 17:10:27.506103','2026-11-21 17:10:31.874220','2026-11-21 17:10:43.200828',1,6,5,6,1800,'ACTIVE','CLUSTER_SCALE_OUT: number of active nodes is equal or above desired_capacity (5).','{"tier": "web"}','{}','{}','{"node.name.format": "web-$3I"}');
INSERT INTO "cluster" VALUES('7a4fc578-3152-42d0-a0e3-fd3478f28f91','empty','8804a720-5028-4d10-8ae6-5ac219c14b96','user-of-alpha','alpha',NULL,NULL,'2026-11-21 17:10:32.188972','2026-11-21 17:10:32.610087','2026-11-21 17:10:32.618863',0,-1,0,1,3600,'ACTIVE','CLUSTER_CREATE: number of active nodes is equal or above desired_capacity (0).','{}','{}','{}','{}');
INSERT INTO "cluster" VALUES('296be266-b148-46df-8bea-14f51aed1c22','stacks','6d3aedac-3a49-424e-a32f-3611ade2b148','user-of-alpha','alpha',NULL,NULL,'2026-11-21 17:10:32.909890','2026-11-21 17:10:36.336902','2026-11-21 17:10:36.353401',0,-1,1,2,3600,'ACTIVE','CLUSTER_CREATE: number of active nodes is equal or above desired_capacity (1).','{}','{}','{}','{}');
INSERT INTO "cluster" VALUES('c53d4508-71db-40dd-be49-40f7e8c4982d','front','72204d85-afcb-4088-b788-cfd8c4f2fe8b','user-of-beta','beta',NULL,NULL,'2026-11-21 17:10:44.939313','2026-11-21 17:10:48.391009','2026-11-21 17:10:48.540362',0,-1,1,2,3600,'ACTIVE','CLUSTER_CREATE: number of active nodes is equal or above desired_capacity (1).','{}','{}','{}','{}');
CREATE TABLE cluster_lock (
	cluster_id VARCHAR(36) NOT NULL, 
	action_ids TEXT, 
	semaphore INTEGER, 
	PRIMARY KEY (cluster_id)
);
CREATE TABLE cluster_policy (
	id VARCHAR(36) NOT NULL, 
	cluster_id VARCHAR(36) NOT NULL, 
	policy_id VARCHAR(36) NOT NULL, 
	cooldown INTEGER, 
	priority INTEGER, 
	level INTEGER, 
	enabled BOOLEAN, 
	data TEXT, 
	last_op DATETIME, 
	PRIMARY KEY (id), 
	FOREIGN KEY(cluster_id) REFERENCES cluster (id), 
	FOREIGN KEY(policy_id) REFERENCES policy (id)
);
INSERT INTO "cluster_policy" VALUES('909fa366-6150-4d11-8045-b422f99ab2c2','1d247a99-6788-4a48-966b-406333aaa247','778f04ff-1fc6-4224-aa21-c55c607da081',NULL,100,NULL,1,'null','2026-11-21 17:10:43.273457');
INSERT INTO "cluster_policy" VALUES('c289c458-7781-46f1-8240-f3ed42468135','1d247a99-6788-4a48-966b-406333aaa247','145e4d55-7ded-408e-8513-52376709e072',NULL,400,NULL,1,'null',NULL);
INSERT INTO "cluster_policy" VALUES('2eee8841-fa1a-44d2-8f31-c8e68b26b11c','1d247a99-6788-4a48-966b-406333aaa247','ef61e26c-07f4-4342-bc47-7a70123ab8d4',NULL,600,NULL,0,'{"HealthPolicy": {"version": "1.2", "data": {"interval": 60, "node_update_timeout": 300, "recovery_conditional": "ANY_FAILED", "node_delete_timeout": 20, "node_force_recreate": false, "detection_modes": [{"type": "NODE_STATUS_POLLING", "poll_url": "", "poll_url_ssl_verify": true, "poll_url_conn_error_as_unhealthy": true, "poll_url_healthy_response": "", "poll_url_retry_limit": "", "poll_url_retry_interval": ""}]}}}',NULL);
CREATE TABLE "credential" (
	user VARCHAR(64) NOT NULL, 
	project VARCHAR(64) NOT NULL, 
	cred TEXT NOT NULL, 
	data TEXT, 
	PRIMARY KEY (user, project)
);
INSERT INTO "credential" VALUES('user-of-alpha','alpha','{"openstack": {"trust": "trust-of-user-of-alpha"}}','null');
INSERT INTO "credential" VALUES('user-of-beta','beta','{"openstack": {"trust": "trust-of-user-of-beta"}}','null');
CREATE TABLE dependency (
	id VARCHAR(36) NOT NULL, 
	depended VARCHAR(36) NOT NULL, 
	dependent VARCHAR(36) NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(depended) REFERENCES action (id), 
	FOREIGN KEY(dependent) REFERENCES action (id)
);
CREATE TABLE "event" (
	id VARCHAR(36) NOT NULL, 
	timestamp DATETIME NOT NULL, 
	oid VARCHAR(36), 
	oname VARCHAR(255), 
	otype VARCHAR(36), 
	cluster_id VARCHAR(36), 
	level VARCHAR(63), 
	user VARCHAR(64), 
	project VARCHAR(64), 
	action VARCHAR(36), 
	status VARCHAR(255), 
	status_reason TEXT, 
	meta_data TEXT, 
	PRIMARY KEY (id)
);
CREATE TABLE health_registry (
	id VARCHAR(36) NOT NULL, 
	cluster_id VARCHAR(36) NOT NULL, 
	check_type VARCHAR(255), 
	interval INTEGER, 
	params TEXT, 
	engine_id VARCHAR(36), enabled BOOLEAN, 
	PRIMARY KEY (id), 
	FOREIGN KEY(cluster_id) REFERENCES cluster (id)
);
INSERT INTO "health_registry" VALUES('abae85a5-42da-4ed3-a8bc-00f617fe6b48','1d247a99-6788-4a48-966b-406333aaa247','NODE_STATUS_POLLING',60,'{"recover_action": [{"name": "RECREATE", "params": null}], "node_delete_timeout": 20, "node_force_recreate": false, "recovery_conditional": "ANY_FAILED", "detection_modes": [{"type": "NODE_STATUS_POLLING", "poll_url": "", "poll_url_ssl_verify": true, "poll_url_conn_error_as_unhealthy": true, "poll_url_healthy_response": "", "poll_url_retry_limit": "", "poll_url_retry_interval": ""}], "node_update_timeout": 300}','8b1effac-9806-4dd3-af8e-cb5f4e5c835a',0);
CREATE TABLE "node" (
	id VARCHAR(36) NOT NULL, 
	name VARCHAR(255), 
	physical_id VARCHAR(36), 
	cluster_id VARCHAR(36), 
	profile_id VARCHAR(36) NOT NULL, 
	user VARCHAR(64), 
	project VARCHAR(64), 
	domain VARCHAR(64), 
	"index" INTEGER, 
	role VARCHAR(64), 
	init_at DATETIME, 
	created_at DATETIME, 
	updated_at DATETIME, 
	status VARCHAR(255), 
	status_reason TEXT, 
	meta_data TEXT, 
	data TEXT, 
	dependents TEXT, tainted BOOLEAN, 
	PRIMARY KEY (id), 
	FOREIGN KEY(profile_id) REFERENCES profile (id)
);
INSERT INTO "node" VALUES('3f4bbbac-df42-42f7-aabe-6f5df9bfd008','web-001','ba3c4958-dcc3-4753-a5ff-69c865cc99fe','1d247a99-6788-4a48-966b-406333aaa247','8804a720-5028-4d10-8ae6-5ac219c14b96','user-of-alpha','alpha',NULL,1,'','2026-11-21 17:10:28.156357','2026-11-21 17:10:29.496065','2026-11-21 17:10:29.496065','ACTIVE','Creation succeeded','{}','{"internal_ports": [{"id": "60f65938-3ebb-451d-a3a3-a0918d345469", "network_id": "d32019d3-bc6e-4319-9c1d-6722fc136a22", "security_group_ids": ["45aa2abc-47f0-4008-8d67-606b41cabb7a"], "fixed_ips": ["172.17.1.129"], "remove": true}], "placement": {"zone": "ZONE1"}}','{}',0);
INSERT INTO "node" VALUES('48d854cb-18fa-48c0-a1f7-66dc7ddd96e7','web-002','510f04d6-56dd-42c8-833a-cf8388992178','1d247a99-6788-4a48-966b-406333aaa247','8804a720-5028-4d10-8ae6-5ac219c14b96','user-of-alpha','alpha',NULL,2,'','2026-11-21 17:10:28.349622','2026-11-21 17:10:29.600385','2026-11-21 17:10:29.600385','ACTIVE','Creation succeeded','{}','{"internal_ports": [{"id": "60f65938-3ebb-451d-a3a3-a0918d345469", "network_id": "d32019d3-bc6e-4319-9c1d-6722fc136a22", "security_group_ids": ["45aa2abc-47f0-4008-8d67-606b41cabb7a"], "fixed_ips": ["172.17.1.129"], "remove": true}], "placement": {"zone": "ZONE1"}}','{}',0);
INSERT INTO "node" VALUES('04d364ac-69b6-4770-8d82-0e61669a893e','web-003','03f9f03b-42d0-4acf-a002-62aee39e9820','1d247a99-6788-4a48-966b-406333aaa247','8804a720-5028-4d10-8ae6-5ac219c14b96','user-of-alpha','alpha',NULL,3,'','2026-11-21 17:10:28.536708','2026-11-21 17:10:29.667977','2026-11-21 17:10:29.667977','ACTIVE','Creation succeeded','{}','{"internal_ports": [{"id": "60f65938-3ebb-451d-a3a3-a0918d345469", "network_id": "d32019d3-bc6e-4319-9c1d-6722fc136a22", "security_group_ids": ["45aa2abc-47f0-4008-8d67-606b41cabb7a"], "fixed_ips": ["172.17.1.129"], "remove": true}], "placement": {"zone": "ZONE1"}}','{}',0);
INSERT INTO "node" VALUES('942ca9b7-cd35-4f78-81af-8c886e8d7f0b','node-dDgjieD6','3095aefc-09fb-4bc7-b1f0-f21a304e864c','296be266-b148-46df-8bea-14f51aed1c22','6d3aedac-3a49-424e-a32f-3611ade2b148','user-of-alpha','alpha',NULL,1,'','2026-11-21 17:10:33.224393','2026-11-21 17:10:33.412651','2026-11-21 17:10:33.412651','ACTIVE','Creation succeeded','{}','{}','{}',0);
INSERT INTO "node" VALUES('0d23f679-cb7f-482e-a832-74bc1599bd73','web-004','290389d1-d538-4777-b44f-a23298aaa788','1d247a99-6788-4a48-966b-406333aaa247','8804a720-5028-4d10-8ae6-5ac219c14b96','user-of-alpha','alpha',NULL,4,'','2026-11-21 17:10:39.760938','2026-11-21 17:10:40.347115','2026-11-21 17:10:40.347115','ACTIVE','Creation succeeded','{}','{"internal_ports": [{"id": "60f65938-3ebb-451d-a3a3-a0918d345469", "network_id": "d32019d3-bc6e-4319-9c1d-6722fc136a22", "security_group_ids": ["45aa2abc-47f0-4008-8d67-606b41cabb7a"], "fixed_ips": ["172.17.1.129"], "remove": true}], "placement": {"zone": "ZONE1"}}','{}',0);
INSERT INTO "node" VALUES('bb1dee5d-eabf-4523-bcc0-d049ad44ef58','web-005','5c2bba97-ab82-4a9d-b49c-fce765d1b74c','1d247a99-6788-4a48-966b-406333aaa247','8804a720-5028-4d10-8ae6-5ac219c14b96','user-of-alpha','alpha',NULL,5,'','2026-11-21 17:10:39.895806','2026-11-21 17:10:40.394785','2026-11-21 17:10:40.394785','ACTIVE','Creation succeeded','{}','{"internal_ports": [{"id": "60f65938-3ebb-451d-a3a3-a0918d345469", "network_id": "d32019d3-bc6e-4319-9c1d-6722fc136a22", "security_group_ids": ["45aa2abc-47f0-4008-8d67-606b41cabb7a"], "fixed_ips": ["172.17.1.129"], "remove": true}], "placement": {"zone": "ZONE1"}}','{}',0);
INSERT INTO "node" VALUES('10f9bc4f-5b55-410d-9ab6-145a7cbc05e8','alone','98c91325-3dad-49e9-8c7d-b4cc38ff8683','','fc1f6c9a-6dc6-4640-8910-b410118ab23b','user-of-alpha','alpha',NULL,-1,'spare','2026-11-21 17:10:43.744610','2026-11-21 17:10:44.046362','2026-11-21 17:10:44.543685','ACTIVE','Update succeeded','{"k": "v"}','{"internal_ports": [{"id": "60f65938-3ebb-451d-a3a3-a0918d345469", "network_id": "d32019d3-bc6e-4319-9c1d-6722fc136a22", "security_group_ids": ["45aa2abc-47f0-4008-8d67-606b41cabb7a"], "fixed_ips": ["172.17.1.129"], "remove": true}], "placement": {"zone": "ZONE1"}}','{}',1);
INSERT INTO "node" VALUES('bbe17f61-eea2-4fae-a366-b38f309bd6be','node-GIZ7XhxK','898c329d-c9f4-4820-bef4-0f80f8aabfa8','c53d4508-71db-40dd-be49-40f7e8c4982d','72204d85-afcb-4088-b788-cfd8c4f2fe8b','user-of-beta','beta',NULL,1,'','2026-11-21 17:10:45.232042','2026-11-21 17:10:45.582583','2026-11-21 17:10:45.582583','ACTIVE','Creation succeeded','{}','{"internal_ports": [{"id": "60f65938-3ebb-451d-a3a3-a0918d345469", "network_id": "d32019d3-bc6e-4319-9c1d-6722fc136a22", "security_group_ids": ["45aa2abc-47f0-4008-8d67-606b41cabb7a"], "fixed_ips": ["172.17.1.129"], "remove": true}], "placement": {"zone": "ZONE1"}}','{}',0);
CREATE TABLE node_lock (
	node_id VARCHAR(36) NOT NULL, 
	action_id VARCHAR(36), 
	PRIMARY KEY (node_id)
);
CREATE TABLE "policy" (
	id VARCHAR(36) NOT NULL, 
	name VARCHAR(255), 
	type VARCHAR(255), 
	user VARCHAR(64) NOT NULL, 
	project VARCHAR(64) NOT NULL, 
	domain VARCHAR(64), 
	cooldown INTEGER, 
	level INTEGER, 
	created_at DATETIME, 
	updated_at DATETIME, 
	spec TEXT, 
	data TEXT, 
	PRIMARY KEY (id)
);
INSERT INTO "policy" VALUES('778f04ff-1fc6-4224-aa21-c55c607da081','out','senlin.policy.scaling-1.0','user-of-alpha','alpha',NULL,NULL,NULL,'2026-11-21 17:10:27.046997',NULL,'{"type": "senlin.policy.scaling", "version": "1.0", "properties": {"event": "CLUSTER_SCALE_OUT", "adjustment": {"number": 2}}}','{}');
INSERT INTO "policy" VALUES('145e4d55-7ded-408e-8513-52376709e072','old-first','senlin.policy.deletion-1.1','user-of-alpha','alpha',NULL,NULL,NULL,'2026-11-21 17:10:27.154608',NULL,'{"type": "senlin.policy.deletion", "version": "1.1", "properties": {"criteria": "OLDEST_FIRST"}}','{}');
INSERT INTO "policy" VALUES('ef61e26c-07f4-4342-bc47-7a70123ab8d4','doctor','senlin.policy.health-1.1','user-of-alpha','alpha',NULL,NULL,NULL,'2026-11-21 17:10:27.255814',NULL,'{"type": "senlin.policy.health", "version": "1.1", "properties": {"detection": {"interval": 60, "detection_modes": [{"type": "NODE_STATUS_POLLING"}]}, "recovery": {"actions": [{"name": "RECREATE"}]}}}','{}');
INSERT INTO "policy" VALUES('855e5288-131b-4998-8adc-3341be80b666','unused','senlin.policy.batch-1.0','user-of-alpha','alpha',NULL,NULL,NULL,'2026-11-21 17:10:27.360781',NULL,'{"type": "senlin.policy.batch", "version": "1.0", "properties": {"min_in_service": 2, "pause_time": 3}}','{}');
CREATE TABLE "profile" (
	id VARCHAR(36) NOT NULL, 
	name VARCHAR(255), 
	type VARCHAR(255), 
	context TEXT, 
	spec TEXT, 
	user VARCHAR(64) NOT NULL, 
	project VARCHAR(64) NOT NULL, 
	domain VARCHAR(64), 
	permission VARCHAR(32), 
	meta_data TEXT, 
	created_at DATETIME, 
	updated_at DATETIME, 
	PRIMARY KEY (id)
);
INSERT INTO "profile" VALUES('8804a720-5028-4d10-8ae6-5ac219c14b96','web','os.nova.server-1.0','{"auth_url": "", "username": "senlin", "password": "", "user_domain_name": "Default", "verify": true, "interface": "public"}','{"type": "os.nova.server", "version": "1.0", "properties": {"flavor": "1", "image": "cirros", "networks": [{"network": "private"}], "name": "n"}}','user-of-alpha','alpha',NULL,NULL,'{}','2026-11-21 17:10:26.644951',NULL);
INSERT INTO "profile" VALUES('fc1f6c9a-6dc6-4640-8910-b410118ab23b','big','os.nova.server-1.0','{"auth_url": "", "username": "senlin", "password": "", "user_domain_name": "Default", "verify": true, "interface": "public"}','{"type": "os.nova.server", "version": "1.0", "properties": {"flavor": "2", "image": "cirros", "networks": [{"network": "private"}], "name": "n"}}','user-of-alpha','alpha',NULL,NULL,'{}','2026-11-21 17:10:26.810127',NULL);
INSERT INTO "profile" VALUES('6d3aedac-3a49-424e-a32f-3611ade2b148','stack','os.heat.stack-1.0','{"auth_url": "", "username": "senlin", "password": "", "user_domain_name": "Default", "verify": true, "interface": "public"}','{"type": "os.heat.stack", "version": "1.0", "properties": {"template": {"resources": {}}}}','user-of-alpha','alpha',NULL,NULL,'{}','2026-11-21 17:10:26.944956',NULL);
INSERT INTO "profile" VALUES('72204d85-afcb-4088-b788-cfd8c4f2fe8b','theirs','os.nova.server-1.0','{"auth_url": "", "username": "senlin", "password": "", "user_domain_name": "Default", "verify": true, "interface": "public"}','{"type": "os.nova.server", "version": "1.0", "properties": {"flavor": "1", "image": "cirros", "networks": [{"network": "private"}], "name": "n"}}','user-of-beta','beta',NULL,NULL,'{}','2026-11-21 17:10:44.847107',NULL);
CREATE TABLE "receiver" (
	id VARCHAR(36) NOT NULL, 
	name VARCHAR(255), 
	type VARCHAR(255), 
	user VARCHAR(64), 
	project VARCHAR(64), 
	domain VARCHAR(64), 
	created_at DATETIME, 
	updated_at DATETIME, 
	cluster_id VARCHAR(36), 
	actor TEXT, 
	action TEXT, 
	params TEXT, 
	channel TEXT, 
	PRIMARY KEY (id)
);
INSERT INTO "receiver" VALUES('872409cd-5cf0-4258-8ab8-240c71417abc','door','webhook','user-of-alpha','alpha',NULL,'2026-11-21 17:10:43.653409',NULL,'1d247a99-6788-4a48-966b-406333aaa247','{"trust_id": "trust-of-user-of-alpha"}','CLUSTER_SCALE_OUT','{"count": 1}','{"alarm_url": "http://127.0.0.1:8777/v1/webhooks/872409cd-5cf0-4258-8ab8-240c71417abc/trigger?V=2&count=1"}');
CREATE TABLE service (
	id VARCHAR(36) NOT NULL, 
	host VARCHAR(255), 
	binary VARCHAR(255), 
	topic VARCHAR(255), 
	disabled BOOLEAN, 
	disabled_reason VARCHAR(255), 
	created_at DATETIME, 
	updated_at DATETIME, 
	PRIMARY KEY (id)
);
COMMIT;
